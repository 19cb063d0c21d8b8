// Where the distribution that is installed keeps its RPM database, and in which form its own rpm reads it. Both are told by the packages.
internal import CRPM
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct TargetDatabase {
    /// In the root. Fedora from 36 on and openSUSE own the second folder, and have a link to it in the place of the first.
    private(set) var path: FilePath = "/var/lib/rpm"
    /// The version of the package `rpm`, if it is installed.
    private(set) var rpmVersion: String?

    private static let imageState: FilePath = "/usr/lib/sysimage/rpm"

    mutating func add(_ header: Header?) {
        if let name = headerGetString(header, rpmTagVal(RPMTAG_NAME.rawValue)), strcmp(name, "rpm") == 0,
            let version = headerGetString(header, rpmTagVal(RPMTAG_VERSION.rawValue))
        {
            rpmVersion = String(cString: version)
        }
        guard let list = rpmfilesNew(nil, header, 0, 0) else { return }
        defer { rpmfilesFree(list) }
        if rpmfilesFindFN(list, Self.imageState.string) >= 0 { path = Self.imageState }
    }

    /// rpm writes SQLite since 4.16 (its release notes); what came before reads Berkeley DB.
    var needsBerkeleyDB: Bool { rpmVersion.map { rpmvercmp($0, "4.16") < 0 } ?? false }
}
