// Finds what scriptlets have made of the constants that they saw (`GuestConstants`), so that composing a machine can put the machine's own there.
import Glibc
import HostSystem
import SystemPackage

enum ConstantPlaces {
    /// Larger files are not text.
    private static let largestText = 1 << 20
    /// Where scriptlets do not write, but for the names of files.
    private static let skipped: [FilePath] = ["/usr", "/var/lib/rpm", "/var/cache", "/proc", "/sys", "/dev"]
    /// Folders of boot entries (the UAPI group's Boot Loader Specification), of which the options are the machine's in any case.
    private static let entryFolders: [FilePath] = ["/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries"]

    /// The paths, as the root has them, of files and folders with a constant in their name, and of files with one in their text; a folder before its entries.
    ///
    /// - Throws: `HostSystemError.systemCall`, `Errno`.
    static func find(in root: FilePath) throws -> [FilePath] {
        let constants = [GuestConstants.machineID, GuestConstants.rootUUID].map { Array($0.utf8) }
        var found: [FilePath] = []
        try walk(root) { path, status in
            guard path != root else { return }
            let inside = FilePath(root: "/", path.components.dropFirst(root.components.count))
            let isEntry = entryFolders.contains(inside.removingLastComponent()) && inside.extension == "conf"
            let isNamed = path.lastComponent?.string.contains(GuestConstants.machineID) == true
            if try isEntry || isNamed || (isText(inside, status) && contains(constants, path)) { found.append(inside) }
        }
        return found
    }

    private static func isText(_ path: FilePath, _ status: stat) -> Bool {
        status.st_mode & S_IFMT == S_IFREG && status.st_size > 0 && status.st_size <= largestText && !skipped.contains(where: path.starts(with:))
    }

    private static func contains(_ constants: [[UInt8]], _ path: FilePath) throws -> Bool {
        let bytes = try readBytes(path)
        return constants.contains { hasBytes($0, in: bytes) }
    }
}
