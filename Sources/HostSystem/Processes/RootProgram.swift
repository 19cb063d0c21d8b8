internal import CLinux
import Glibc
public import SystemPackage

/// From now on, what this thread does to its root folder (chroot(2)) is seen by no other thread. libdispatch's threads look for themselves in /proc now
/// and then, and end the process where there is none.
///
/// - Throws: `HostSystemError.systemCall`.
public func ownRootOfThread() throws {
    guard discographer_own_root() == 0 else {
        throw HostSystemError.systemCall(what: "having a root of this thread's own (unshare)", errno: Errno(rawValue: errno))
    }
}

/// Runs a command in a root with this process's terminal, and waits for it; in a worker.
///
/// - Parameters:
///   - command: a program, looked up in the environment's PATH within the root, and its arguments; none is the root's shell.
///   - environment: the whole environment.
/// - Returns: its exit status, or 128 + signal.
/// - Throws: `HostSystemError.systemCall`.
public func runInRoot(_ root: FilePath, _ command: [String], environment: [String: String]) throws -> Int32 {
    // execvpe(3) looks in the PATH of the caller.
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
