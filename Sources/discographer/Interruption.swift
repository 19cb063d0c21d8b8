import Dispatch
import Glibc
import Synchronization

/// SIGINT and SIGTERM: the first cancels the work, whose children are then ended; the second ends this program at once, and the
/// workers with it.
final class Interruption {
    private final class Counter: Sendable {
        let value = Atomic(0)
    }

    private let sources: [any DispatchSourceSignal]
    private let counter = Counter()

    var happened: Bool { counter.value.load(ordering: .relaxed) > 0 }

    init(_ cancel: @escaping @Sendable () -> Void) {
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for source in sources {
            source.setEventHandler { [counter] in
                if counter.value.add(1, ordering: .relaxed).newValue > 1 { _exit(ExitStatus.interrupted) }
                cancel()
            }
            source.resume()
        }
    }
}
