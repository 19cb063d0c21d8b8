import Foundation
import HostSystem
import SystemPackage

/// Which results this program uses: none of them is removed by others (`StageCollection`) while it runs.
///
/// A folder of empty files in `stages/pins`, named after the results, and a lock that the kernel gives back when the program ends.
final class StagePins: Sendable {
    private let folder: FilePath
    private let lock: FileLock

    /// Held for reading while a pin is set, and for writing while results are removed.
    static func lockFile(in store: FilePath) -> FilePath { store.appending("pins").appending("lock") }

    /// - Throws: `FileError`.
    init(in store: FilePath) throws {
        folder = store.appending("pins").appending(UUID().uuidString)
        try createDirectories(folder)
        guard let lock = try FileLock.take(folder.appending("owner")) else { throw FileError(folder, .resourceBusy) }
        self.lock = lock
    }

    deinit { try? FileManager.default.removeItem(atPath: folder.string) }

    /// - Throws: `FileError`.
    func add(_ identity: Identity) throws {
        let file = folder.appending(identity.hexadecimal)
        do { try FileDescriptor.open(file, .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite).close() } catch let error
            as Errno
        {
            throw FileError(file, error)
        }
    }

    func outliveProgram() throws { try lock.outliveProgram() }

    /// What is used by programs that run; the pins of others are removed.
    static func inUse(in store: FilePath) -> Set<String> {
        let pins = store.appending("pins")
        var used: Set<String> = []
        for name in (try? FileManager.default.contentsOfDirectory(atPath: pins.string)) ?? [] where name != "lock" {
            let folder = pins.appending(name)
            // A folder without an owner is being made at this moment.
            guard exists(folder.appending("owner")) else { continue }
            if let lock = try? FileLock.take(folder.appending("owner")) {
                try? FileManager.default.removeItem(atPath: folder.string)
                withExtendedLifetime(lock) {}
            } else {
                used.formUnion((try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? [])
            }
        }
        return used
    }
}
