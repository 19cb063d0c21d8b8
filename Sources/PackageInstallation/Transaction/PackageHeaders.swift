internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// The headers of a job's packages, in its order.
///
/// They are read before the transaction set that installs them is made, because some of its settings depend on them and cannot change later.
final class PackageHeaders {
    private(set) var headers: [Header?] = []
    /// Made once, for all users.
    private(set) var lists: [FileList?] = []

    /// Reads every header. Does not verify them: a transaction has one verification level, but each repository has its own rule (`VerifyPackagesJob`).
    ///
    /// - Throws: `WorkerFailure` with all packages that cannot be read or are not what they should be.
    init(of packages: [PackageFile], log: RPMLog) throws {
        let transaction: rpmts = rpmtsCreate()
        defer { rpmtsFree(transaction) }
        rpmtsSetVfyLevel(transaction, 0)
        try PackageKeyring([]).trust(in: transaction)
        var problems: [String] = []
        for package in packages {
            let file: FD_t
            do { file = try package.open() } catch let failure as WorkerFailure {
                problems.append(failure.message)
                continue
            }
            defer { Fclose(file) }
            var header: Header?
            let result = rpmReadPackageFile(transaction, file, package.path.string, &header)
            headers.append(header)
            lists.append(FileList(header))
            guard [RPMRC_OK, RPMRC_NOKEY, RPMRC_NOTTRUSTED].contains(result) else {
                let errors = log.takeErrors()
                let reason = PackageSignatures(in: file).refusal ?? "\(package.path) is \(UnreadablePackage.reason(file))\(errors)"
                problems.append("\(package.nevra): \(reason)")
                continue
            }
            problems += UnsupportedFeatures.of(header: header).map { "\(package.nevra): \($0)" }
            if headerIsSource(header) != 0 {
                problems.append("\(package.nevra) is a source package; expected one that is built from it")
                continue
            }
            if package.isNamedByMetadata, case let name = Self.nevra(of: header), name != package.nevra {
                problems.append("\(package.nevra): the file contains the package \(name); the repository's metadata must be regenerated")
            }
        }
        guard problems.isEmpty else { throw Self.refusal(problems) }
    }

    deinit { removeAll() }

    /// Releases them; the transaction set keeps what it needs.
    func removeAll() {
        for header in headers { headerFree(header) }
        headers = []
        lists = []
    }

    /// The release of the newest kernel whose modules the packages have: that of the machine as it will run.
    var newestKernel: String? {
        let folders = ["/lib/modules/", "/usr/lib/modules/"]
        var releases: Set<String> = []
        for list in lists.compactMap(\.self) {
            for index in 0..<Int32(rpmfilesDC(list.files)) {
                guard let name = rpmfilesDN(list.files, index), let folder = folders.first(where: { strncmp(name, $0, $0.utf8.count) == 0 }) else {
                    continue
                }
                let components = String(cString: name + folder.utf8.count).split(separator: "/")
                // Modules of others ("extra", "updates") make no kernel.
                if components.count > 1, components[1] == "kernel" { releases.insert(String(components[0])) }
            }
        }
        return releases.max { rpmvercmp($0, $1) < 0 }
    }

    /// In the form of repository metadata: without an epoch of 0.
    private static func nevra(of header: Header?) -> String {
        func text(_ tag: rpmTag_e) -> String { headerGetString(header, rpmTagVal(tag.rawValue)).map { String(cString: $0) } ?? "" }
        let epoch = headerGetNumber(header, rpmTagVal(RPMTAG_EPOCH.rawValue))
        return "\(text(RPMTAG_NAME))-\(epoch == 0 ? "" : "\(epoch):")\(text(RPMTAG_VERSION))-\(text(RPMTAG_RELEASE)).\(text(RPMTAG_ARCH))"
    }

    static func refusal(_ problems: [String]) -> WorkerFailure {
        WorkerFailure(kind: .signature, message: (["packages are refused:"] + problems).joined(separator: "\n  "))
    }
}
