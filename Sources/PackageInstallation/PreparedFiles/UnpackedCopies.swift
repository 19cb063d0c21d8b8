// The pipeline's side of UnpackAheadJob: which packages are wanted, as files or as a copy, which are there, and which are no longer needed.
import Foundation
import HostSystem
import Synchronization
import SystemPackage

/// What the process that installs wants to have unpacked, as a word of its (`WorkerEvent.done`).
struct WishToUnpack: Codable, Sendable {
    /// In the order in which they will be installed.
    var packages: [NumberedPackage]

    init(packages: [NumberedPackage]) { self.packages = packages }

    init?(word: String) {
        guard let wish = try? JSONDecoder().decode(WishToUnpack.self, from: Data(word.utf8)) else { return nil }
        self = wish
    }

    var word: String? { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } }
}

final class UnpackedCopies: Sendable {
    /// What has to come before packages are unpacked.
    private struct Waiting {
        var wish: WishToUnpack?
        var packagesAreGood = false
    }

    /// Beside the root, so that it goes with it however the build ends.
    let folder: FilePath
    let wishes: AsyncStream<WishToUnpack>
    private let wisher: AsyncStream<WishToUnpack>.Continuation
    private let waiting = Mutex(Waiting())
    private let installed = Mutex<Set<String>>([])

    /// - Throws: `Errno`.
    init(beside root: FilePath) throws {
        folder = FilePath("\(root).copies")
        try createDirectories(folder)
        (wishes, wisher) = AsyncStream.makeStream()
    }

    /// - Throws: what FileManager throws.
    func remove() throws { try FileManager.default.removeItem(atPath: folder.string) }

    /// The process that installs says what it wants, or the number of a package that is installed.
    func take(_ word: String) {
        if let wish = WishToUnpack(word: word) {
            note { $0.wish = wish }
        } else {
            installed.withLock { _ = $0.insert(word) }
            discard(word)
        }
    }

    /// Nothing is unpacked before.
    func packagesAreGood() { note { $0.packagesAreGood = true } }

    private func note(_ change: (inout Waiting) -> Void) {
        let wish = waiting.withLock { waiting in
            change(&waiting)
            return waiting.packagesAreGood ? waiting.wish : nil
        }
        guard let wish else { return }
        wisher.yield(wish)
        wisher.finish()
    }

    /// Whether the package waits to be installed; its copy is gone if not.
    func isWanted(_ number: String) -> Bool {
        if installed.withLock({ !$0.contains(number) }) { return true }
        discard(number)
        return false
    }

    private func discard(_ number: String) {
        guard let number = Int(number) else { return }
        removeFile(UnpackAheadJob.place(of: number, in: folder))
        // A folder of which all was moved stays until the end: ext4 would look at its inode, freed a moment ago, for each file that is made.
        let files = PreparedFiles.place(of: number, in: folder).string
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: files), names != [PreparedFiles.orderName] else { return }
        try? FileManager.default.removeItem(atPath: files)
    }
}
