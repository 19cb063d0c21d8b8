// Finds the files of a package that are in certain folders. A list of files has each folder's name once, so that only these are compared, as bytes: making a
// path of every file took a minute for a package of 17,000 files where the code was not optimised.
internal import CRPM
import Glibc
import SystemPackage

struct FolderPrefixes {
    private struct Folder {
        var path: String
        /// With `/` at the end, as `rpmfilesDN` has it, and NUL.
        var below: [CChar]
    }

    private let folders: [Folder]

    /// - Parameter paths: absolute.
    init(_ paths: some Sequence<FilePath>) {
        folders = paths.map { path in Folder(path: path.string, below: Array("\(path)/".utf8CString)) }
    }

    /// The files that are at or below one of the folders, in the list's order.
    func files(in list: rpmfiles) -> [Int32] {
        var found = Set(folders.map { rpmfilesFindFN(list, $0.path) }.filter { $0 >= 0 })
        let isBelow = (0..<Int32(rpmfilesDC(list))).map { contains(rpmfilesDN(list, $0)) }
        if isBelow.contains(true) {
            for index in 0..<Int32(rpmfilesFC(list)) where isBelow[Int(rpmfilesDI(list, index))] { found.insert(index) }
        }
        return found.sorted()
    }

    /// - Parameter name: a folder's name in a list, which ends with `/`.
    private func contains(_ name: UnsafePointer<CChar>?) -> Bool {
        guard let name else { return false }
        return folders.contains { strncmp(name, $0.below, $0.below.count - 1) == 0 }
    }
}

extension FilePath {
    /// The path of a file in a package's list.
    init(_ list: rpmfiles, _ index: Int32) {
        guard let pointer = rpmfilesFN(list, index) else {
            self.init()
            return
        }
        defer { free(pointer) }
        self.init(platformString: pointer)
    }
}
