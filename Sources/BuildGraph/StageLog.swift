import HostSystem
import Synchronization
import SystemPackage

/// The log of a stage's run, beside its result.
final class StageLog: Sendable {
    private let file: Mutex<FileDescriptor>

    /// - Throws: `FileError` when the file cannot be made.
    init(_ path: FilePath) throws {
        do {
            file = Mutex(
                try FileDescriptor.open(
                    path, .writeOnly, options: [.create, .truncate, .append, .closeOnExec], permissions: [.ownerReadWrite, .groupRead, .otherRead]))
        } catch let error as Errno { throw FileError(path, error) }
    }

    deinit { file.withLock { try? $0.close() } }

    /// A full disk ends the stage, not its log.
    func write(_ text: String) {
        file.withLock { file in _ = try? file.writeAll((text.hasSuffix("\n") ? text : text + "\n").utf8) }
    }
}
