import Foundation
import HostSystem
import PackageInstallation
import SystemPackage

extension Worker {
    /// Verifies the files on all cores and returns them with what was learnt of each.
    ///
    /// Measured with the demo's base set, 180 packages of 230 MB, on two cores: 0.75 s of librpm's transaction become 0.4 s before it, and
    /// 0.4 s of digests of the files unpacked fall away.
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
