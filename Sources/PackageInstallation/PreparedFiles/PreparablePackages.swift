// Chooses the packages whose files another process may make before their turn (PreparedFiles): those for which librpm's result is certain, whatever
// scriptlets do until then. librpm makes the files of all others, and of a package whose place in the root is not as expected when its turn comes.
internal import CRPM
import ConfigurationTree
import Glibc
import SystemPackage

struct PreparablePackages {
    /// librpm writes to `NAME;01234567` first (fsm.c), so it refuses a longer name.
    private static let longestName = Int(NAME_MAX) - 9

    private let skipsDocumentation: Bool
    private let skipsLanguages: Bool
    /// At and below these paths librpm makes none or not all of a package's files.
    private let skippedPaths: FolderPrefixes
    private let leavingOut: String
    private var numbers: Set<Int> = []
    /// The first package that has a path, by the path's hash, for everything but folders. Two packages with the same hash count as packages with the same
    /// path, of which librpm decides which one makes it.
    private var owners: [Int: Int] = [:]
    private var architectures: Set<String> = []
    private var configuration: [Int: [FilePath]] = [:]
    private var folders = SharedFolders()
    /// By package, the folders that it makes.
    private(set) var madeFolders: [Int: Set<Int32>] = [:]

    init(job: InstallJob, covered: some Sequence<FilePath>) {
        leavingOut = Self.leavingOut
        skipsDocumentation = job.transactionFlags.contains(.nodocs)
        skipsLanguages = !job.languages.isEmpty
        skippedPaths = FolderPrefixes(Array(covered) + job.excludedPaths)
    }

    /// The packages by their numbers in the job.
    ///
    /// Empty when librpm chooses between files by their colour, which happens only with packages of several architectures, or leaves files out by
    /// language.
    var all: Set<Int> { architectures.count > 1 || skipsLanguages ? [] : numbers }

    /// Removes packages whose result depends on the root as it is right before the first package is installed, which is when librpm looks at it: librpm
    /// renames configuration files that exist already, and it alone decides which names are the same when links lead to folders.
    ///
    /// - Parameter order: the packages' numbers in the order of installation.
    mutating func settle(order: [Int], isThere: (FilePath) -> Bool, isBehindLink: (FilePath) -> Bool) {
        // A %pretrans in Lua may have defined macros since.
        guard leavingOut == Self.leavingOut, !folders.places.contains(where: isBehindLink) else { return numbers.removeAll() }
        for (number, paths) in configuration where numbers.contains(number) && paths.contains(where: isThere) { numbers.remove(number) }
        madeFolders = folders.made(inOrder: order)
    }

    /// The current values of the macros by which librpm leaves files out (skipInstallFiles, transaction.c).
    private static var leavingOut: String {
        var text: UnsafeMutablePointer<CChar>?
        defer { free(text) }
        guard rpmExpandMacros(nil, "%{?_netsharedpath}|%{?_install_langs}|%{?_excludedocs}", &text, 0) >= 0, let text else { return "" }
        return String(cString: text)
    }

    mutating func add(_ header: Header?, _ list: rpmfiles, number: Int) {
        guard rpmfilesFC(list) > 0 else { return }
        if let architecture = headerGetString(header, rpmTagVal(RPMTAG_ARCH.rawValue)).map({ String(cString: $0) }), architecture != "noarch" {
            architectures.insert(architecture)
        }
        let skipped = skipped(of: list)
        folders.add(list, number: number) { skipped.contains($0) }
        let isAlone = noteOwner(of: list, number)
        guard isAlone, skipped.isEmpty, foldersArePlain(list), (0..<Int32(rpmfilesFC(list))).allSatisfy({ isPlain(list, $0) }) else { return }
        numbers.insert(number)
        for index in 0..<Int32(rpmfilesFC(list)) {
            let flags = rpmfilesFFlags(list, index)
            guard flags & RPMFILE_CONFIG.rawValue != 0, flags & RPMFILE_GHOST.rawValue == 0 else { continue }
            guard let path = rpmfilesFN(list, index) else { continue }
            configuration[number, default: []].append(FilePath(platformString: path))
            free(path)
        }
    }

    /// Whether no earlier package has one of this one's files. An earlier one that has cannot be prepared any more either.
    private mutating func noteOwner(of list: rpmfiles, _ number: Int) -> Bool {
        var isAlone = true
        for index in 0..<Int32(rpmfilesFC(list)) where mode_t(rpmfilesFMode(list, index)) & S_IFMT != S_IFDIR {
            var hasher = Hasher()
            for text in [rpmfilesDN(list, rpmfilesDI(list, index)), rpmfilesBN(list, index)] {
                if let text { hasher.combine(bytes: UnsafeRawBufferPointer(start: text, count: strlen(text))) }
            }
            let hash = hasher.finalize()
            if let other = owners[hash] {
                numbers.remove(other)
                isAlone = false
            } else {
                owners[hash] = number
            }
        }
        return isAlone
    }

    /// The files that librpm leaves out (skipInstallFiles, transaction.c).
    private func skipped(of list: rpmfiles) -> Set<Int32> {
        var skipped = Set(skippedPaths.files(in: list))
        guard skipsDocumentation else { return skipped }
        for index in 0..<Int32(rpmfilesFC(list)) {
            let kinds = rpmfilesFFlags(list, index) & (RPMFILE_DOC.rawValue | RPMFILE_LICENSE.rawValue)
            if kinds == RPMFILE_DOC.rawValue { skipped.insert(index) }
        }
        return skipped
    }

    private func foldersArePlain(_ list: rpmfiles) -> Bool {
        (0..<Int32(rpmfilesDC(list))).allSatisfy { index in
            guard let name = rpmfilesDN(list, index), name.pointee == UInt8(ascii: "/") else { return false }
            return strstr(name, "/./") == nil && strstr(name, "/../") == nil && strstr(name, "//") == nil
        }
    }

    /// Whether librpm makes the file in any case and without looking up users of the root.
    private func isPlain(_ list: rpmfiles, _ index: Int32) -> Bool {
        func isEmpty(_ text: UnsafePointer<CChar>?) -> Bool { text.map { $0.pointee == 0 } ?? true }
        func isRoot(_ text: UnsafePointer<CChar>?) -> Bool { text.map { strcmp($0, "root") == 0 } ?? false }
        let flags = rpmfilesFFlags(list, index)
        if flags & RPMFILE_GHOST.rawValue != 0 { return true }
        guard let name = rpmfilesBN(list, index), strlen(name) <= Self.longestName, strchr(name, Int32(UInt8(ascii: "/"))) == nil,
            strcmp(name, ".") != 0, strcmp(name, "..") != 0
        else { return false }
        return [S_IFDIR, S_IFREG, S_IFLNK].contains(mode_t(rpmfilesFMode(list, index)) & S_IFMT)
            && isRoot(rpmfilesFUser(list, index)) && isRoot(rpmfilesFGroup(list, index)) && isEmpty(rpmfilesFCaps(list, index))
            && !(skipsDocumentation && flags & RPMFILE_DOC.rawValue != 0)
    }
}
