// Installing what is verified meanwhile.
//
// A package's bytes are checked before they are used, each kind before its use: nothing begins, not even a %pretrans, before the headers of all
// packages - dependencies, scriptlets, names, modes - have the digests and signatures that they must have; and no payload is opened before it has
// the digest that its header gives. So what a bad package brings is never unpacked, and a machine's root with other packages in it already is
// thrown away with its stage. What was gained by letting payloads be read by other processes while earlier packages are unpacked is in docs/benchmarks.md.
import Glibc
public import HostSystem
import SystemPackage

extension Worker {
    /// Verifies the job's packages by its keys, on all cores, and installs them at the same time.
    ///
    /// - Parameters:
    ///   - onEvent: called in order, for each thing the installation says.
    ///   - onLog: whatever the installation printed besides.
    /// - Throws: `WorkerFailure` of kind `signature` with every package that is refused, before any other failure; as `InstallJob` and `run` otherwise.
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
                    // The scriptlets that come now leave a core idle.
                    if case .progress(let completed, let total, _) = event, completed == total { verification.goOn() }
                    onEvent(event)
                }, onLog: onLog)
        }()
        // Of good packages only. It ends with this scope.
        async let _: Void = unpackAhead(copies) { speaker.yield($0) }
        let refusals = try await verification.run(by: self, onGood: { speaker.yield($0) }, onAllGood: copies.packagesAreGood)
        // Whichever comes first, a refusal is the reason that is told; it ends the installation.
        guard refusals.isEmpty else {
            throw WorkerFailure(kind: "signature", message: (["packages are refused:"] + refusals.sorted()).joined(separator: "\n  "))
        }
        return try await outcome
    }

    /// Makes copies as they are wished for, on all cores but one; packages without one are unpacked by librpm.
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
