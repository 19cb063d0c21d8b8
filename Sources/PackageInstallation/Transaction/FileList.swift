internal import CRPM
import Glibc

/// The list of files in a package's header.
final class FileList {
    let files: rpmfiles

    /// Fields of a file that are not used here. Reading them takes half of the time.
    private static let unread = [
        RPMFI_NOFILECLASS, RPMFI_NOFILEDEPS, RPMFI_NOFILELANGS, RPMFI_NOFILESIZES, RPMFI_NOFILEDIGESTS, RPMFI_NOFILESTATES, RPMFI_NOFILECOLORS,
        RPMFI_NOFILEVERIFYFLAGS, RPMFI_NOFILESIGNATURES, RPMFI_NOVERITYSIGNATURES,
    ].reduce(rpmfiFlags(0)) { $0 | rpmfiFlags($1.rawValue) }

    /// `nil` when there is no header, or its list of files is invalid.
    init?(_ header: Header?) {
        guard header != nil, let files = rpmfilesNew(nil, header, 0, Self.unread) else { return nil }
        self.files = files
    }

    deinit { rpmfilesFree(files) }

    /// How many inodes the package takes at the least: folders may be others' too, and a set of hard links is one.
    var leastInodes: Int {
        (0..<Int32(rpmfilesFC(files))).count { index in
            guard mode_t(rpmfilesFMode(files, index)) & S_IFMT != S_IFDIR, rpmfilesFFlags(files, index) & RPMFILE_GHOST.rawValue == 0 else {
                return false
            }
            var members: UnsafePointer<Int32>?
            return rpmfilesFLinks(files, index, &members) < 2 || members?.pointee == index
        }
    }

    /// The indices of device nodes and FIFOs.
    var nodes: [Int32] {
        (0..<Int32(rpmfilesFC(files))).filter { [S_IFCHR, S_IFBLK, S_IFIFO].contains(mode_t(rpmfilesFMode(files, $0)) & S_IFMT) }
    }
}
