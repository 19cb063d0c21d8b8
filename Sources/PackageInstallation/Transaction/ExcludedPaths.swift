internal import CRPM
import Glibc
import SystemPackage

/// Excluded paths in librpm's form: relocations without a new path, ended by an empty one. The memory lives as long as this object.
final class ExcludedPaths {
    private let list: UnsafeMutableBufferPointer<rpmRelocation>

    init(_ paths: [FilePath]) {
        list = .allocate(capacity: paths.count + 1)
        list.initialize(repeating: rpmRelocation(oldPath: nil, newPath: nil))
        for (index, path) in paths.enumerated() { list[index].oldPath = strdup(path.string) }
    }

    deinit {
        for relocation in list { free(relocation.oldPath) }
        list.deallocate()
    }

    var relocations: UnsafeMutablePointer<rpmRelocation>? { list.count == 1 ? nil : list.baseAddress }
}
