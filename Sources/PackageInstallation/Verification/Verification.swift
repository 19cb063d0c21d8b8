import HostSystem
import Synchronization

/// Verifies a job's packages on all cores, in two parts; see `VerifyPackagesJob`.
struct Verification: Sendable {
    private let jobs: [VerifyPackagesJob]
    private let pauses: [(stream: AsyncStream<String>, continuation: AsyncStream<String>.Continuation)]

    init(_ job: InstallJob) {
        jobs = VerifyPackagesJob.jobs(Worker.cores, packages: job.packages, keys: job.keys)
        pauses = jobs.map { _ in AsyncStream.makeStream() }
    }

    /// Lets the second part begin when the first one has ended.
    func goOn() { for pause in pauses { pause.continuation.finish() } }

    /// - Parameters:
    ///   - onGood: called with `VerifyPackagesJob.allHeaders` when all headers are good, and with the path of each good package.
    ///   - onAllGood: called when the first part has ended and has found nothing wrong.
    /// - Returns: a line for each refused package, and for each key that librpm cannot use.
    func run(
        by worker: Worker, onGood: @escaping @Sendable (String) -> Void, onAllGood: @escaping @Sendable () -> Void
    ) async throws -> [String] {
        let headers = Countdown(jobs.count) { onGood(VerifyPackagesJob.allHeaders) }
        let packages = Countdown(jobs.count, end: onAllGood)
        return try await withThrowingTaskGroup(of: [String].self) { group in
            for (job, pause) in zip(jobs, pauses) {
                group.addTask {
                    try await worker.run(
                        job, words: pause.stream,
                        onEvent: { event in
                            guard case .done(let what) = event else { return }
                            switch what {
                            case VerifyPackagesJob.allHeaders: headers.step()
                            case VerifyPackagesJob.allPackages: packages.step()
                            default: onGood(what)
                            }
                        }
                    ).refusals
                }
            }
            var refusals: [String] = []
            for try await found in group {
                refusals += found
                // The installation stops, and will not tell the other jobs to go on.
                if !refusals.isEmpty { goOn() }
            }
            return refusals
        }
    }
}

/// Calls `end` once, after `count` steps.
private final class Countdown: Sendable {
    private let left: Mutex<Int>
    private let end: @Sendable () -> Void

    init(_ count: Int, end: @escaping @Sendable () -> Void) {
        left = Mutex(count)
        self.end = end
        if count == 0 { end() }
    }

    func step() {
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { end() }
    }
}
