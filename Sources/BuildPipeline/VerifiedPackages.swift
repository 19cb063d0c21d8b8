import Foundation
import HostSystem
import PackageInstallation
import SystemPackage

extension Worker {
    /// Verifies the files on all cores and returns them with what was learnt of each.
    ///
    /// Verifying the demo's 222 packages (272 MB) takes one core 0.74 s of user time (`rpmkeys --checksig`), which librpm spends inside the
    /// transaction, and twice where the digests of unpacked files are counted.
    ///
    /// - Throws: `WorkerFailure` of kind `signature` with every package that is refused.
    func verified(_ packages: [PackageFile], keys: [FilePath]) async throws -> [PackageFile] {
        let jobs = VerifyPackagesJob.jobs(ProcessInfo.processInfo.activeProcessorCount, packages: packages, keys: keys)
        let found = try await withThrowingTaskGroup(of: PackageVerification.self) { group in
            for job in jobs { group.addTask { try await run(job) } }
            return try await group.reduce(into: PackageVerification()) { $0.add($1) }
        }
        guard found.refusals.isEmpty else {
            throw WorkerFailure(
                kind: "signature", message: (["packages are refused:"] + found.refusals.sorted()).joined(separator: "\n  "))
        }
        return packages.map { package in
            var package = package
            package.hasPayloadDigest = found.payloadDigests.contains(package.path)
            return package
        }
    }
}
