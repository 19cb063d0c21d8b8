// Installs packages while they are verified.
//
// Every byte of a package is checked before it is used. Nothing begins, not even a %pretrans, before the headers of all packages - dependencies, scriptlets,
// names, modes - have the digests and signatures that they must have. No payload is opened before it has the digest that its header states. So nothing of
// a bad package is unpacked; a root that already has other packages is thrown away with its stage. docs/benchmarks.md says what is gained by verifying
// payloads in other processes while earlier packages are unpacked.
import Glibc
public import HostSystem
import SystemPackage

extension Worker {
    /// Verifies the job's packages with its keys on all cores, and installs them at the same time.
    ///
    /// - Parameters:
    ///   - onEvent: called in order, for each event of the installation.
    ///   - onLog: called with everything else that the installation prints.
    /// - Throws: `WorkerFailure` of kind `signature` with every refused package, before any other failure; otherwise as `InstallJob` and `run`.
    public func install(
        _ job: InstallJob, onEvent: @escaping @Sendable (WorkerEvent) -> Void = { _ in },
        onLog: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> InstallOutcome {
        let copies = try UnpackedCopies(beside: job.installRoot)
        let outcome: Result<InstallOutcome, any Error>
        do { outcome = .success(try await install(job, copies, onEvent, onLog)) } catch { outcome = .failure(error) }
        try copies.remove()
        return try outcome.get()
    }

    private func install(
        _ job: InstallJob, _ copies: UnpackedCopies, _ onEvent: @escaping @Sendable (WorkerEvent) -> Void,
        _ onLog: @escaping @Sendable (String) -> Void
    ) async throws -> InstallOutcome {
        let (words, speaker) = AsyncStream.makeStream(of: String.self)
        let verification = Verification(job)
        async let outcome = {
            defer { verification.goOn() }
            return try await run(
                job.with(copies: copies.folder), words: words,
                onEvent: { event in
                    if case .done(let word) = event { return copies.take(word) }
                    // The scriptlets that come last leave a core idle.
                    if case .progress(let completed, let total, _) = event, completed == total { verification.goOn() }
                    onEvent(event)
                }, onLog: onLog)
        }()
        // Unpacks only good packages. Ends with this scope.
        async let _: Void = unpackAhead(copies) { speaker.yield($0) }
        let refusals = try await verification.run(by: self, onGood: { speaker.yield($0) }, onAllGood: copies.packagesAreGood)
        // A refusal ends the installation, and is the failure to report even when the installation has failed before.
        guard refusals.isEmpty else {
            throw WorkerFailure(kind: .signature, message: (["packages are refused:"] + Set(refusals).sorted()).joined(separator: "\n  "))
        }
        return try await outcome
    }

    /// Unpacks the wanted packages on all cores but one. librpm unpacks those that are not ready in time.
    private func unpackAhead(_ copies: UnpackedCopies, onCopy: @escaping @Sendable (String) -> Void) async {
        for await wish in copies.wishes {
            let packages = wish.packages.filter { copies.isWanted("\($0.number)") }
            let workers = max(1, Self.cores - 1)
            await withTaskGroup { group in
                for first in 0..<min(workers, packages.count) {
                    let share = stride(from: first, to: packages.count, by: workers).map { packages[$0] }
                    group.addTask {
                        _ = try? await run(UnpackAheadJob(packages: share, folder: copies.folder)) { event in
                            guard case .done(let number) = event, copies.isWanted(number) else { return }
                            onCopy(VerificationGate.unpacked(number))
                        }
                    }
                }
            }
        }
    }

    static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
