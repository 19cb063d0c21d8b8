import Dispatch

/// Does blocking work (C libraries, file trees) on a thread of its own, never on the cooperative pool.
public func offPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result(catching: body)) }
    }
}

/// Does blocking work for each of several things, each on a thread of its own as far as there are cores; returns when all is done.
public func concurrently(_ count: Int, _ body: @Sendable (Int) -> Void) {
    DispatchQueue.concurrentPerform(iterations: count, execute: body)
}
