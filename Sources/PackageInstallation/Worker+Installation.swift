import Foundation
public import HostSystem
import SystemPackage

extension Worker {
    /// Verifies all packages of the job, and installs them when none is refused.
    ///
    /// - Parameters:
    ///   - onEvent: called in order, for each thing the installation says.
    ///   - onLog: whatever the installation printed besides.
    /// - Throws: `WorkerFailure` of kind `signature` with every package that is refused, and as `InstallJob` and `run` throw.
    public func install(
        _ job: InstallJob, onEvent: @escaping @Sendable (WorkerEvent) -> Void = { _ in },
        onLog: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> InstallOutcome {
        var job = job
        job.packages = try await verified(job.packages, keys: job.keys)
        return try await run(job, onEvent: onEvent, onLog: onLog)
    }

    /// Verifies the files on all cores and returns them with what was learnt of each.
    ///
    /// Verifying the demo's 222 packages (272 MB) takes one core 0.74 s of user time (`rpmkeys --checksig`), which librpm spends inside the
    /// transaction, and twice where the digests of unpacked files are counted.
    ///
    /// - Throws: `WorkerFailure` of kind `signature` with every package that is refused.
    private func verified(_ packages: [PackageFile], keys: [FilePath]) async throws -> [PackageFile] {
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
