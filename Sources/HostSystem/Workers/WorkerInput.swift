import Glibc
import Synchronization
import SystemPackage

/// Messages of the pipeline to a worker: one line with the job, then, while the job runs, a line for each thing that it may wait for.
final class WorkerInput: Sendable {
    private let descriptor: FileDescriptor
    /// Bytes that were read but not returned yet.
    private let rest = Mutex<[UInt8]>([])

    /// Reads from standard input, which stays open as the lifeline. Programs that the worker starts do not get the descriptor.
    ///
    /// - Throws: `Errno` of fcntl(2).
    init() throws {
        let copy = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
        guard copy >= 0 else { throw Errno(rawValue: errno) }
        descriptor = FileDescriptor(rawValue: copy)
    }

    /// The next line; `nil` after the last one.
    ///
    /// - Parameter waits: `false` to return `nil` also when there is no line yet.
    /// - Throws: `Errno` of read(2).
    func nextLine(waits: Bool = true) throws -> [UInt8]? {
        try rest.withLock { rest in
            var searched = 0
            while true {
                if let end = rest[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                    defer { rest.removeFirst(end + 1) }
                    return Array(rest[..<end])
                }
                searched = rest.count
                var readable = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
                if !waits, poll(&readable, 1, 0) <= 0 { return nil }
                let chunk = try [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
                    count = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
                }
                guard !chunk.isEmpty else { return nil }
                rest += chunk
            }
        }
    }
}
