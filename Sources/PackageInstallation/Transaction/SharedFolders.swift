// Decides which package creates a folder that several packages contain. librpm (handleOverlappedFiles, transaction.c) skips a folder that the package
// before has made, and looks only at that package: the first makes the folder, the second skips it, the third makes it again, which gives it the third
// one's time.
internal import CRPM
import Glibc
import SystemPackage

struct SharedFolders {
    private struct Entry {
        var index: Int32
        var path: FilePath
        var isGhost: Bool
    }

    private var entries: [Int: [Entry]] = [:]
    /// The targets of the packages' symlinks.
    private var links: [FilePath: FilePath] = [:]

    /// - Parameter isSkipped: whether librpm leaves the file out.
    mutating func add(_ list: rpmfiles, number: Int, isSkipped: (Int32) -> Bool) {
        var left = [Int](repeating: 0, count: Int(rpmfilesDC(list)))
        var isEmptied = [Bool](repeating: false, count: left.count)
        var own: [Entry] = []
        for index in 0..<Int32(rpmfilesFC(list)) {
            let parent = Int(rpmfilesDI(list, index))
            guard left.indices.contains(parent) else { continue }
            if isSkipped(index) {
                isEmptied[parent] = true
                continue
            }
            left[parent] += 1
            let kind = mode_t(rpmfilesFMode(list, index)) & S_IFMT
            guard kind == S_IFDIR || kind == S_IFLNK, let name = rpmfilesFN(list, index) else { continue }
            let path = FilePath(platformString: name)
            free(name)
            if kind == S_IFDIR {
                own.append(Entry(index: index, path: path, isGhost: rpmfilesFFlags(list, index) & RPMFILE_GHOST.rawValue != 0))
            } else if let target = rpmfilesFLink(list, index) {
                links[path] = FilePath(platformString: target)
            }
        }
        // librpm leaves out a folder when everything in it is left out (skipInstallFiles).
        for parent in left.indices.reversed() where left[parent] == 0 && isEmptied[parent] {
            guard let name = rpmfilesDN(list, Int32(parent)), case let path = FilePath(platformString: name),
                let entry = own.firstIndex(where: { $0.path == path })
            else { continue }
            let above = Int(rpmfilesDI(list, own[entry].index))
            left[above] -= 1
            isEmptied[above] = true
            own.remove(at: entry)
        }
        entries[number] = own
    }

    /// The parents of the folders.
    var places: some Sequence<FilePath> { Set(entries.values.joined().map { $0.path.removingLastComponent() }) }

    /// By package, the entries that make their folder or set its owner, mode and time.
    ///
    /// - Parameter order: the packages' numbers in the order of installation.
    func made(inOrder order: [Int]) -> [Int: Set<Int32>] {
        var parents: [FilePath: FilePath] = [:]
        /// Whether the latest package with the folder made it.
        var isMade: [FilePath: Bool] = [:]
        var made: [Int: Set<Int32>] = [:]
        for number in order {
            var own: Set<Int32> = []
            for entry in entries[number] ?? [] {
                let parent = entry.path.removingLastComponent()
                let place = parents[parent] ?? resolve(parent)
                parents[parent] = place
                let path = entry.path.lastComponent.map { place.appending($0) } ?? place
                let makes = isMade[path] != true
                isMade[path] = makes && !entry.isGhost
                if makes { own.insert(entry.index) }
            }
            made[number] = own
        }
        return made
    }

    private func resolve(_ path: FilePath) -> FilePath {
        var place = FilePath("/")
        var waiting = Array(path.components.reversed())
        var followed = 0
        while let component = waiting.popLast() {
            if component.kind == .parentDirectory { place.removeLastComponent() }
            guard component.kind == .regular else { continue }
            guard followed < 40, let target = links[place.appending(component)] else {
                place.append(component)
                continue
            }
            followed += 1
            waiting += target.components.reversed()
            if target.isAbsolute { place = "/" }
        }
        return place
    }
}
