import Glibc
import HostSystem
public import SystemPackage

/// What a stage sees of the configuration tree: some folders of it, and all that symbolic links in them reach inside the tree. It has no more to read, and so its
/// digest is that of all it can read.
public struct TreeView: Sendable, Hashable {
    /// What is visible, as absolute paths below the tree: folders with all that is in them, files, and links.
    public var visible: [FilePath]
    /// The digests of what is visible, by its place in the tree.
    public var digests: [String: String]
    /// Links that lead out of the tree, or to nothing: what they name is not visible.
    public var leavingLinks: [FilePath]

    /// - Parameters:
    ///   - tree: the configuration tree, without links in its path.
    ///   - roots: what is visible for its own sake.
    /// - Throws: `FileError`.
    public init(of tree: FilePath, showing roots: [FilePath], digests: InputDigests) throws {
        var waiting = roots
        var seen: Set<FilePath> = []
        var leaving: Set<FilePath> = []
        var parts: [(name: [UInt8], digest: String)] = []
        while let path = waiting.popLast() {
            guard !seen.contains(where: { path.starts(with: $0) }) else { continue }
            let looked = try digests.look(at: path, followsTop: false)
            seen.insert(path)
            parts.append((path.bytes.dropFirst(tree.bytes.count).map { $0 }, looked.digest))
            for link in looked.links {
                let place = path.appending(entry: link.name)
                let (reached, isInside) = Self.reached(by: place, in: tree)
                waiting += reached
                if !isInside { leaving.insert(place) }
            }
        }
        // A folder that was reached later may hold what was reached before it.
        visible = seen.filter { path in !seen.contains { $0 != path && path.starts(with: $0) } }.sorted { $0.string < $1.string }
        let names = Set(visible.map { $0.bytes.dropFirst(tree.bytes.count).map { $0 } })
        self.digests = [:]
        for part in parts where names.contains(part.name) {
            // Two names that are not text must not become one.
            let name = String(validating: part.name.dropFirst(), as: UTF8.self) ?? "bytes " + part.name.hexadecimal
            self.digests[name] = part.digest
        }
        leavingLinks = leaving.sorted { $0.string < $1.string }
    }

    /// Follows a link a step at a time (path_resolution(7)).
    ///
    /// - Returns: every link on the way and what is at its end; `isInside` is false when the way leaves the tree, leads to nothing, or does not end.
    private static func reached(by link: FilePath, in tree: FilePath) -> (paths: [FilePath], isInside: Bool) {
        var reached: [FilePath] = []
        var place = link.removingLastComponent()
        var waiting: [FilePath.Component] = link.lastComponent.map { [$0] } ?? []
        var links = 0
        while let component = waiting.popLast() {
            switch component.kind {
            case .currentDirectory: continue
            case .parentDirectory: place.removeLastComponent()
            case .regular:
                let next = place.appending(component)
                var status = stat()
                guard next.withPlatformString({ lstat($0, &status) }) == 0 else { return (reached, false) }
                guard status.st_mode & S_IFMT == S_IFLNK else {
                    place = next
                    continue
                }
                links += 1
                // As many as the kernel follows.
                guard links <= 40, next.starts(with: tree), let target = symbolicLinkTarget(next) else { return (reached, false) }
                reached.append(next)
                if target.isAbsolute { place = "/" }
                waiting += target.components.reversed()
            }
        }
        guard place.starts(with: tree), place != tree else { return (reached, false) }
        return (reached + [place], true)
    }

    private static func symbolicLinkTarget(_ link: FilePath) -> FilePath? {
        let target = [CChar](unsafeUninitializedCapacity: Int(PATH_MAX) + 1) { buffer, count in
            guard let address = buffer.baseAddress else { return }
            let length = link.withPlatformString { readlink($0, address, buffer.count - 1) }
            guard length > 0 else { return }
            address[length] = 0
            count = length + 1
        }
        return target.isEmpty ? nil : FilePath(platformString: target)
    }
}
