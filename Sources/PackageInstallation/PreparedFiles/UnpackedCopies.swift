// The pipeline's side of UnpackAheadJob: keeps track of the packages that are wanted as files or as copies, those that are ready, and those that are
// installed.
import Foundation
import HostSystem
import Synchronization
import SystemPackage

/// The packages that the installing process wants to have unpacked, sent in `WorkerEvent.done`.
struct WishToUnpack: Codable, Sendable {
    /// In the order of installation.
    var packages: [NumberedPackage]

    init(packages: [NumberedPackage]) { self.packages = packages }

    init?(word: String) {
        guard let wish = try? JSONDecoder().decode(WishToUnpack.self, from: Data(word.utf8)) else { return nil }
        self = wish
    }

    var word: String? { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } }
}

final class UnpackedCopies: Sendable {
    /// Both must be there before packages are unpacked.
    private struct Waiting {
        var wish: WishToUnpack?
        var packagesAreGood = false
    }

    /// Beside the root, so that it is removed together with it however the build ends.
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

    /// Takes a message of the installing process: what it wants, or the number of an installed package.
    func take(_ word: String) {
        if let wish = WishToUnpack(word: word) {
            note { $0.wish = wish }
        } else {
            installed.withLock { _ = $0.insert(word) }
            discard(word)
        }
    }

    /// Allows unpacking.
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

    /// Whether the package is not installed yet. Removes its copy if it is.
    func isWanted(_ number: String) -> Bool {
        if installed.withLock({ !$0.contains(number) }) { return true }
        discard(number)
        return false
    }

    private func discard(_ number: String) {
        guard let number = Int(number) else { return }
        removeFile(UnpackAheadJob.place(of: number, in: folder))
        // A folder from which everything was moved stays until the end: ext4 would check its recently freed inode for each file that is made.
        let files = PreparedFiles.place(of: number, in: folder).string
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: files), names != [PreparedFiles.orderName] else { return }
        try? FileManager.default.removeItem(atPath: files)
    }
}
