public import ConfigurationTree
import HostSystem
public import SystemPackage

/// The way from one machine's packages.lock to its current packages.
public struct LockUpdate: Sendable {
    /// Where the lock is, or will be.
    public let file: FilePath
    /// `nil` when there is no lock, or when it cannot be read.
    public let before: PackageLock?
    public let after: PackageLock

    public init(of machine: Machine, to lock: PackageLock) {
        file = machine.lockFile ?? machine.path.appending("packages.lock")
        before = (try? PackageLock.read(machine.lockFile)).flatMap(\.self)
        after = lock
    }

    /// Writes the lock if it differs from the one that is there. It is on disk before it takes the old one's place, because the file is in the
    /// user's Git tree.
    ///
    /// - Throws: `FileError`.
    public func write() throws {
        guard before != after else { return }
        try writeAtomically(after.text.utf8, to: file, isDurable: true)
    }
}
