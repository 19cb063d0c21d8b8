// Where the installed distribution keeps its RPM database, and in which format its rpm reads it. The packages say both.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

struct TargetDatabase {
    /// As a path in the root.
    var path: FilePath { settings["_dbpath"].map { FilePath($0.value) } ?? (hasImageState ? Self.imageState : "/var/lib/rpm") }
    /// The backend that macros of the packages set, such as `sqlite` or `ndb`, and the macro file.
    var backend: (name: String, file: FilePath)? { settings["_db_backend"].map { ($0.value, $0.file) } }
    /// The version of the package `rpm`, if it is installed.
    private(set) var rpmVersion: String?

    private struct Setting {
        var value: String
        var file: FilePath

        /// rpm reads macro files in this order, and the last definition counts (rpm(8), "macrofiles").
        static func precedes(_ one: FilePath, _ other: FilePath) -> Bool { (rank(one), one.string) < (rank(other), other.string) }

        private static func rank(_ file: FilePath) -> Int {
            if file == "/usr/lib/rpm/macros" { return 0 }
            if file.starts(with: "/etc/rpm") { return 3 }
            return file.starts(with: "/usr/lib/rpm/macros.d") ? 1 : 2
        }
    }

    private var settings: [String: Setting] = [:]
    /// The macro files, by the number of their package and by their own numbers in the package's list.
    private(set) var macroFiles: [Int: [Int32: FilePath]] = [:]
    private var hasImageState = false

    /// Fedora since 36 and openSUSE have this folder, and a link to it in the old place.
    private static let imageState: FilePath = "/usr/lib/sysimage/rpm"
    /// The macros that paths of macro files begin with. Other macros and commands can only be expanded on the running machine.
    private static let folders = [
        "%{_usr}": "/usr", "%{_prefix}": "/usr", "%{_var}": "/var", "%{_localstatedir}": "/var", "%_usr": "/usr", "%_var": "/var",
    ]

    /// - Parameter number: the package's number in the job.
    mutating func add(_ header: Header?, _ list: rpmfiles?, number: Int) {
        if let name = headerGetString(header, rpmTagVal(RPMTAG_NAME.rawValue)), strcmp(name, "rpm") == 0,
            let version = headerGetString(header, rpmTagVal(RPMTAG_VERSION.rawValue))
        {
            rpmVersion = String(cString: version)
        }
        guard let list else { return }
        if rpmfilesFindFN(list, Self.imageState.string) >= 0 { hasImageState = true }
        let files = Self.macroFiles(in: list)
        if !files.isEmpty { macroFiles[number] = files }
    }

    /// - Throws: `WorkerFailure` when the root does not have the database that librpm wrote any more.
    func checkIsThere(in root: FilePath, of transaction: rpmts) throws {
        // Opens the files again, under the names that they have now.
        rpmtsCloseDB(transaction)
        if exists(root.pushing(path.removingRoot())), rpmtsOpenDB(transaction, O_RDONLY) == 0 {
            let names = rpmdbIndexIteratorInit(rpmtsGetRdb(transaction), RPMDBI_NAME)
            defer { rpmdbIndexIteratorFree(names) }
            var name: UnsafeRawPointer?
            var length = 0
            if rpmdbIndexIteratorNext(names, &name, &length) == 0 { return }
        }
        throw WorkerFailure(kind: .librpm, message: "the root's package database in \(path) does not exist any more; a scriptlet has deleted it")
    }

    /// Reads macro files of a verified package.
    ///
    /// - Throws: `WorkerFailure` when its payload cannot be read.
    mutating func read(_ files: [Int32: FilePath], of package: PackageFile) throws {
        var wanted = files
        let payload = try PackagePayload(package)
        while !wanted.isEmpty, let number = try payload.next() {
            guard let file = wanted.removeValue(forKey: number) else { continue }
            define(String(decoding: try payload.bytes(), as: UTF8.self), in: file)
        }
    }

    private static let macroFolders = FolderPrefixes(["/usr/lib/rpm", "/etc/rpm"])

    private static func macroFiles(in list: rpmfiles) -> [Int32: FilePath] {
        var found: [Int32: FilePath] = [:]
        for index in macroFolders.files(in: list) where mode_t(rpmfilesFMode(list, index)) & S_IFMT == S_IFREG {
            guard rpmfilesFFlags(list, index) & RPMFILE_GHOST.rawValue == 0 else { continue }
            let path = FilePath(list, index)
            let folder = path.removingLastComponent()
            let name = path.lastComponent?.string ?? ""
            let isMacros =
                folder == "/usr/lib/rpm/macros.d" || folder == "/etc/rpm"
                || folder.starts(with: "/usr/lib/rpm") && folder.components.count <= 4 && name == "macros"
            if isMacros, name == "macros" || name.hasPrefix("macros.") { found[index] = path }
        }
        return found
    }

    private mutating func define(_ text: String, in file: FilePath) {
        for line in text.split(separator: "\n") where line.hasPrefix("%_db") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count > 1 else { continue }
            let name = String(words[0].dropFirst())
            var value = String(words[1])
            for (macro, folder) in Self.folders where value.hasPrefix(macro) { value = folder + value.dropFirst(macro.count) }
            let path = FilePath(value)
            guard name == "_db_backend" || name == "_dbpath" && path.isAbsolute && path.isLexicallyNormal, !value.contains("%") else { continue }
            if let known = settings[name], Setting.precedes(file, known.file) { continue }
            settings[name] = Setting(value: value, file: file)
        }
    }

    /// rpm uses SQLite by default since 4.16 (its release notes). Older ones read Berkeley DB, and newer ones do if their macros say so.
    var needsBerkeleyDB: Bool { rpmVersion.map { rpmvercmp($0, "4.16") < 0 || backend?.name == "bdb" } ?? false }
}
