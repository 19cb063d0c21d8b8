internal import CLinux
import Glibc
public import SystemPackage

/// Gives this thread a root folder of its own, so that chroot(2) affects no other thread. libdispatch's threads read /proc from time to time, and end the
/// process when it is not there.
///
/// - Throws: `HostSystemError.systemCall`.
public func ownRootOfThread() throws {
    guard discographer_own_root() == 0 else {
        throw HostSystemError.systemCall(what: "giving this thread a root folder of its own (unshare)", errno: Errno(rawValue: errno))
    }
}

/// Runs a command in a root with this process's terminal and waits for it. Only in a worker.
///
/// - Parameters:
///   - command: a program, looked up in the environment's PATH within the root, and its arguments; empty for the root's shell.
///   - environment: the whole environment.
/// - Returns: its exit status, or 128 + the number of the signal.
/// - Throws: `HostSystemError.systemCall`.
public func runInRoot(_ root: FilePath, _ command: [String], environment: [String: String]) throws -> Int32 {
    // execvpe(3) uses the PATH of the caller.
    if let path = environment["PATH"] { setenv("PATH", path, 1) }
    var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var pairs: [UnsafeMutablePointer<CChar>?] =
        environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + pairs { free(text) } }
    let status = discographer_run_in_root(root.string, &words, &pairs)
    guard status >= 0 else {
        throw HostSystemError.systemCall(what: "starting a program in \(root)", errno: Errno(rawValue: errno))
    }
    return status
}
