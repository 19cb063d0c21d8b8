internal import CRPM
import Glibc
public import HostSystem
public import SystemPackage

/// Opens package files and public keys as an installation would, and says of each what is wrong with it.
public struct InspectFilesJob: WorkerJob {
    public struct Outcome: Codable, Sendable {
        public struct Package: Codable, Sendable {
            /// Why it cannot be installed; `nil` when librpm does not object.
            public var problem: String?
            public var architecture: String?
        }

        /// In the job's order.
        public var packages: [Package] = []
        /// Why each is not a key, in the job's order; `nil` for those that are.
        public var keys: [String?] = []
    }

    public static let name = "inspect-files"

    public var packages: [FilePath]
    public var keys: [FilePath]

    public init(packages: [FilePath], keys: [FilePath]) {
        self.packages = packages
        self.keys = keys
    }

    public var isolation: Isolation {
        var isolation = Isolation(writablePaths: [], readablePaths: packages + keys)
        // A tree can be checked without root.
        isolation.userNamespace = geteuid() != 0
        return isolation
    }

    /// - Throws: `WorkerFailure` when librpm cannot be set up.
    public func run(reporting: WorkerReporter) throws -> Outcome {
        let verifier = try PackageVerifier(keys: [])
        let transaction: rpmts = rpmtsCreate()
        defer { rpmtsFree(transaction) }
        rpmtsSetVfyLevel(transaction, 0)
        try PackageKeyring([]).trust(in: transaction)
        return Outcome(
            packages: packages.map { path in
                let file = PackageFile(path: path, nevra: path.string, isSigned: false)
                // The reason begins with the name.
                if let refusal = verifier.refusal(of: file) { return Outcome.Package(problem: Self.withoutPath(refusal, path)) }
                return Self.inspect(file, transaction)
            },
            keys: keys.map { path in
                do {
                    _ = try PackageKeyring([path])
                    return nil
                } catch { return Self.withoutPath("\(error)", path) }
            })
    }

    private static func inspect(_ package: PackageFile, _ transaction: rpmts) -> Outcome.Package {
        guard let file = try? package.open() else { return Outcome.Package(problem: "cannot be opened") }
        defer { Fclose(file) }
        var header: Header?
        let result = rpmReadPackageFile(transaction, file, package.path.string, &header)
        defer { headerFree(header) }
        guard [RPMRC_OK, RPMRC_NOKEY, RPMRC_NOTTRUSTED].contains(result) else { return Outcome.Package(problem: "damaged, or not a package") }
        if headerIsSource(header) != 0 { return Outcome.Package(problem: "a source package; expected a binary package that is built from it") }
        return Outcome.Package(architecture: headerGetString(header, rpmTagVal(RPMTAG_ARCH.rawValue)).map { String(cString: $0) })
    }

    private static func withoutPath(_ text: String, _ path: FilePath) -> String {
        text.hasPrefix("\(path): ") ? String(text.dropFirst("\(path): ".count)) : text
    }
}
