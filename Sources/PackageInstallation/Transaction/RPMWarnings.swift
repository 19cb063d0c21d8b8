internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// Tells librpm's warnings with the package and the file that they are about, which librpm itself leaves out in most of them.
final class RPMWarnings {
    /// What was told, in order.
    private(set) var all: [Warning] = []
    /// The package whose scriptlet runs or whose files are made.
    private var package: String?
    private var header: Header?
    /// librpm warns of an owner that does not exist once for each of its files.
    private var toldOwners: Set<String> = []
    private let reporter: WorkerReporter

    init(_ reporter: WorkerReporter) { self.reporter = reporter }

    deinit { headerFree(header) }

    /// To be called when librpm goes on to a package.
    func enter(_ header: Header?) {
        headerFree(self.header)
        self.header = header.flatMap { headerLink($0) }
        package = header.flatMap(Self.nevra)
    }

    /// - Parameter line: what librpm says, without `warning: `.
    func add(_ line: String) {
        guard let package else { return tell(Warning(line)) }
        // rpmfiles.c, rpmfilesStat.
        if let owner = line.wholeMatch(of: /(user|group) (.+) does not exist - using (.+)/) {
            guard toldOwners.insert("\(package) \(line)").inserted else { return }
            let files = files(of: String(owner.2), isGroup: owner.1 == "group")
            return tell(Warning("\(package): \(line)\(Self.words(files))", package: package, path: files.first))
        }
        // fsm.c, fsmBackup: "/etc/x saved as /etc/x.rpmsave", "/etc/x created as /etc/x.rpmnew".
        let path = line.firstMatch(of: /(\/.+) (?:saved|created) as \//).map { String($0.1) }
        tell(Warning(line.contains(package) ? line : "\(package): \(line)", package: package, path: path))
    }

    func tell(_ warning: Warning) {
        all.append(warning)
        reporter(.warning(warning))
    }

    private func files(of owner: String, isGroup: Bool) -> [String] {
        guard let all = FileList(header) else { return [] }
        let list = all.files
        defer { withExtendedLifetime(all) {} }
        return (0..<Int32(rpmfilesFC(list))).filter { index in
            guard rpmfilesFFlags(list, index) & RPMFILE_GHOST.rawValue == 0,
                let name = isGroup ? rpmfilesFGroup(list, index) : rpmfilesFUser(list, index)
            else { return false }
            return strcmp(name, owner) == 0
        }.map { FilePath(list, $0).string }
    }

    private static func words(_ files: [String]) -> String {
        guard let first = files.first else { return "" }
        return files.count == 1 ? " (\(first))" : " (\(first) and \(files.count - 1) more)"
    }

    private static func nevra(_ header: Header) -> String? {
        guard let text = headerGetAsString(header, rpmTagVal(RPMTAG_NEVRA.rawValue)) else { return nil }
        defer { free(text) }
        return String(cString: text)
    }
}
