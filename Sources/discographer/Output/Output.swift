// Standard output and standard error, a line at a time.
import ConfigurationTree
import Glibc
import Synchronization
import SystemPackage

/// A line, or several, on standard output, at once, so that a reader of a growing log sees whole lines. Control characters are written out.
func printLine(_ text: String) { printOutput(ShownPaths.shown(text.printable(keepingLines: true))) }

/// JSON on standard output, which has a way of its own to write characters.
func printJSON(_ text: String) { printOutput(text) }

/// A line on standard error, or several. Control characters are written out.
func printError(_ text: String) { try? write(ShownPaths.shown(text.printable(keepingLines: true)) + "\n", to: STDERR_FILENO) }

private func printOutput(_ text: String) {
    do { try write(text + "\n", to: STDOUT_FILENO) } catch { lostOutput.withLock { $0 = $0 ?? error } }
}

/// Why something that was printed on standard output is lost, such as on a full disk; `nil` when all is there, or when nobody
/// wants it: the reader has gone.
func reasonForLostOutput() -> Errno? { lostOutput.withLock { $0 == .brokenPipe ? nil : $0 } }

/// Gives standard input, output and error a place where the caller closed them: the next files that are opened would become
/// them, and what is printed would go into a file of the cache.
func openClosedStandardStreams() {
    // open(2) takes the lowest number that is free.
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 { _ = open("/dev/null", O_RDWR) }
}

private let lostOutput = Mutex<Errno?>(nil)

private func write(_ text: String, to descriptor: CInt) throws(Errno) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 {
            rest = rest.dropFirst(count)
        } else if errno == EAGAIN {
            // A pipe that another program made non-blocking, and that is full: its reader is slow.
            var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&wanted, 1, -1)
        } else if errno != EINTR {
            throw Errno(rawValue: errno)
        }
    }
}
