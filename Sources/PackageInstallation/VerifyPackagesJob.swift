internal import CRPM
public import HostSystem
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the verification of package files found.
public struct PackageVerification: Hashable, Codable, Sendable {
    /// The good files whose payload has a digest in the header: what is unpacked of them needs no digests of its own.
    public var payloadDigests: Set<FilePath> = []
    /// A line each: the package and why it is not to be installed.
    public var refusals: [String] = []

    public init() {}

    public mutating func add(_ other: PackageVerification) {
        payloadDigests.formUnion(other.payloadDigests)
        refusals += other.refusals
    }
}

/// Checks digests and signatures of package files, as `rpmkeys --checksig` does, before anything of them is installed.
///
/// librpm does so within the transaction, a file after the other; several of these jobs use several cores.
public struct VerifyPackagesJob: WorkerJob {
    public typealias Outcome = PackageVerification

    public static let name = "verify"

    public var packages: [PackageFile]
    /// Armoured public keys: the machine's whole keyring.
    public var keys: [FilePath]

    public init(packages: [PackageFile], keys: [FilePath]) {
        self.packages = packages
        self.keys = keys
    }

    /// Jobs that have the same work, as near as may be.
    public static func jobs(_ count: Int, packages: [PackageFile], keys: [FilePath]) -> [VerifyPackagesJob] {
        var shares = Array(repeating: (bytes: Int64(0), packages: [PackageFile]()), count: max(1, count))
        let sizes = packages.map { package in
            var status = stat()
            return (stat(package.path.string, &status) == 0 ? Int64(status.st_size) : 0, package)
        }
        for (size, package) in sizes.sorted(by: { ($1.0, $0.1.nevra) < ($0.0, $1.1.nevra) }) {
            guard let lightest = shares.indices.min(by: { shares[$0].bytes < shares[$1].bytes }) else { break }
            shares[lightest].bytes += size
            shares[lightest].packages.append(package)
        }
        return shares.map(\.packages).filter { !$0.isEmpty }.map { VerifyPackagesJob(packages: $0, keys: keys) }
    }

    public var isolation: Isolation {
        var isolation = Isolation(
            writablePaths: [], readablePaths: Array(Set((packages.map(\.path) + keys).map { $0.removingLastComponent() })))
        isolation.hidesHost = true
        return isolation
    }

    /// - Throws: `WorkerFailure` when librpm cannot be set up, or a key cannot be read.
    public func run(reporting: WorkerReporter) throws -> PackageVerification {
        let verifier = try PackageVerifier(keys: keys)
        var result = PackageVerification()
        for package in packages { verifier.verify(package, into: &result) }
        return result
    }
}

/// librpm's transaction set, used for nothing but its keyring and its settings.
private final class PackageVerifier {
    private let transaction: rpmts
    private var lines: [String] = []

    init(keys: [FilePath]) throws {
        try configureLibRPM()
        transaction = rpmtsCreate()
        try PackageKeyring(keys).trust(in: transaction)
        // What librpm says of each digest and signature comes by the log, at this level.
        discographer_rpm_log_up_to_information()
        rpmlogSetCallback(
            { record, data in
                guard let record, let data, let text = rpmlogRecMessage(record) else { return 0 }
                Unmanaged<PackageVerifier>.fromOpaque(data).takeUnretainedValue().lines.append(String(cString: text))
                return 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        rpmlogSetCallback(nil, nil)
        rpmtsFree(transaction)
    }

    func verify(_ package: PackageFile, into result: inout PackageVerification) {
        guard let file = Fopen(package.path.string, "r.ufdio"), Ferror(file) == 0 else {
            result.refusals.append("\(package.nevra): \(package.path) cannot be opened")
            return
        }
        defer { Fclose(file) }
        lines = []
        let level = Int32(RPMSIG_DIGEST_TYPE) | (package.isSigned ? Int32(RPMSIG_SIGNATURE_TYPE) : 0)
        rpmtsSetVfyLevel(transaction, level)
        var query = rpmQVKArguments_s()
        let isGood = rpmVerifySignatures(&query, transaction, file, package.path.string) == 0
        guard isGood || !package.isSigned && onlyKeysAreMissing else {
            result.refusals.append("\(package.nevra): \(reason(isSigned: package.isSigned))")
            return
        }
        guard lseek(Fileno(file), 0, SEEK_SET) == 0, let header = header(of: file, package) else { return }
        defer { headerFree(header) }
        if headerIsEntry(header, rpmTagVal(RPMTAG_PAYLOADDIGEST.rawValue)) != 0 { result.payloadDigests.insert(package.path) }
    }

    private func header(of file: FD_t, _ package: PackageFile) -> Header? {
        guard let again = fdDup(Fileno(file)) else { return nil }
        defer { Fclose(again) }
        var header: Header?
        switch rpmReadPackageFile(transaction, again, package.path.string, &header) {
        case RPMRC_OK, RPMRC_NOKEY, RPMRC_NOTTRUSTED: return header
        default:
            headerFree(header)
            return nil
        }
    }

    private var said: [String] { lines.flatMap { $0.split(separator: "\n") }.map { String($0.drop { $0 == " " }) } }

    private var findings: [String] { said.filter { !$0.hasSuffix(": OK") && !$0.hasSuffix(":") && !$0.isEmpty } }

    /// Nobody asked for the signature, and there is no key to call it bad: `rpm -i` installs such a package with a warning.
    private var onlyKeysAreMissing: Bool {
        !findings.isEmpty && findings.allSatisfy { $0.hasSuffix(": NOKEY") || $0.hasSuffix(": NOTTRUSTED") }
    }

    /// librpm's own words for what was not good, such as `Header V4 RSA/SHA512 Signature, key ID 0bce0e06: NOKEY`.
    private func reason(isSigned: Bool) -> String {
        let words = findings.joined(separator: "; ")
        if isSigned, words.contains("NOKEY") { return "signed with a key that this machine does not trust (gpgkey): \(words)" }
        if isSigned, !said.isEmpty, !said.contains(where: { $0.contains("Signature") }) {
            return "not signed, and its repository asks gpgcheck" + (words.isEmpty ? "" : ": \(words)")
        }
        return "damaged or no package" + (words.isEmpty ? "" : ": \(words)")
    }
}
