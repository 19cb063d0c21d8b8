internal import CRPM
import Glibc
public import HostSystem
public import SystemPackage

/// The result of verifying package files.
public struct PackageVerification: Hashable, Codable, Sendable {
    /// A line for each package that must not be installed, with the reason.
    public var refusals: [String] = []

    public init() {}

    public mutating func add(_ other: PackageVerification) { refusals += other.refusals }
}

/// Checks digests and signatures of package files, as `rpmkeys --checksig` does: first the headers of all packages, then the payloads in the packages'
/// order.
///
/// librpm would do this within the transaction, one file after the other; several of these jobs use several cores. They send `WorkerEvent.done` with
/// `allHeaders` when all headers are good, with the path of each package whose header and payload are good, and with `allPackages`. MD5 digests come
/// last, when the job is told that the cores are free. They add nothing to a SHA-256 digest of the payload and take longer (0.2 s of the 0.35 s for the
/// demo's 179 packages), but rpm refuses a package for a wrong one.
public struct VerifyPackagesJob: WorkerJob {
    public typealias Outcome = PackageVerification

    static let allHeaders = "headers"
    static let allPackages = "packages"

    public static let name = "verify"

    public var packages: [PackageFile]
    /// Public keys: all that the machine trusts.
    public var keys: [FilePath]

    public init(packages: [PackageFile], keys: [FilePath]) {
        self.packages = packages
        self.keys = keys
    }

    /// Divides the packages into jobs of about equal size. Each has small packages first: most packages are small, and so are verified before their turn.
    public static func jobs(_ count: Int, packages: [PackageFile], keys: [FilePath]) -> [VerifyPackagesJob] {
        var shares = Array(repeating: (bytes: Int64(0), packages: [PackageFile]()), count: max(1, count))
        let sizes = packages.map { package in
            var status = stat()
            return (stat(package.path.string, &status) == 0 ? Int64(status.st_size) : 0, package)
        }
        for (size, package) in sizes.sorted(by: { $0.0 < $1.0 }) {
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
        func verify(_ package: PackageFile) {
            if let refusal = verifier.refusal(of: package) { result.refusals.append(refusal) } else { reporting.done(package.path.string) }
        }
        var isLeft: [PackageFile] = []
        let isGood = packages.map(verifier.acceptsHeader)
        // Check header and payload together: that gives the reason, or finds the only signature that packages for rpm 3 have.
        for (package, isGood) in zip(packages, isGood) where !isGood { verify(package) }
        if result.refusals.isEmpty { reporting.done(Self.allHeaders) }
        // From here on the installing process waits for one package at a time, and needs a core more than this one.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        for (package, isGood) in zip(packages, isGood) where isGood {
            if verifier.acceptsPayload(of: package) {
                reporting.done(package.path.string)
                isLeft.append(package)
            } else {
                verify(package)
            }
        }
        // After a refusal nothing is installed: no need to leave the cores free, and all refusals are reported together.
        if result.refusals.isEmpty {
            reporting.done(Self.allPackages)
            _ = try reporting.nextWord()
        }
        for package in isLeft { verifier.refusal(of: package).map { result.refusals.append($0) } }
        // One of them may be the one that is missing.
        if !result.refusals.isEmpty { result.refusals += verifier.unusableKeys }
        return result
    }
}

/// Uses librpm's transaction set only for its keyring and its settings.
final class PackageVerifier {
    private let transaction: rpmts
    let unusableKeys: [String]
    private var lines: [String] = []

    init(keys: [FilePath]) throws {
        try configureLibRPM()
        transaction = rpmtsCreate()
        let keyring = try PackageKeyring(keys)
        keyring.trust(in: transaction)
        unusableKeys = keyring.unusable
        // librpm logs its findings about each digest and signature at this level.
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

    /// Whether the header alone has the digests and signatures that the package must have.
    func acceptsHeader(of package: PackageFile) -> Bool {
        guard let file = try? package.open() else { return false }
        defer { Fclose(file) }
        return verify(package, in: file, flags: RPMVSF_NEEDPAYLOAD.rawValue)
    }

    /// Whether header and payload have what they must have, by the header's signature and the payload digest in it. Signatures of both together are not
    /// checked; the payload of a package that has only those (before rpm 4.14) is not read.
    func acceptsPayload(of package: PackageFile) -> Bool {
        guard let file = try? package.open() else { return false }
        defer { Fclose(file) }
        let left = RPMVSF_NOMD5.rawValue | RPMVSF_NODSA.rawValue | RPMVSF_NORSA.rawValue
        return verify(package, in: file, flags: left) && said.contains("Payload SHA256 digest: OK")
    }

    /// Why the package must not be installed, by header and payload; `nil` when it may be.
    func refusal(of package: PackageFile) -> String? {
        do {
            let file = try package.open()
            defer { Fclose(file) }
            if verify(package, in: file) { return nil }
            let unsupported = UnsupportedFeatures.of(file: file) + [PackageSignatures(in: file).refusal].compactMap(\.self)
            return "\(package.nevra): \(unsupported.isEmpty ? reason(for: package, in: file) : unsupported.joined(separator: "; "))"
        } catch let failure as WorkerFailure { return failure.message } catch { return "\(package.nevra): \(error)" }
    }

    private func verify(_ package: PackageFile, in file: FD_t, flags: UInt32 = 0) -> Bool {
        lines = []
        rpmtsSetVfyLevel(transaction, Int32(RPMSIG_DIGEST_TYPE) | (package.isSigned ? Int32(RPMSIG_SIGNATURE_TYPE) : 0))
        rpmtsSetVfyFlags(transaction, flags)
        var query = rpmQVKArguments_s()
        let isGood = rpmVerifySignatures(&query, transaction, file, package.path.string) == 0
        return isGood || !package.isSigned && onlyKeysAreMissing
    }

    private var said: [String] { lines.flatMap { $0.split(separator: "\n") }.map { String($0.drop { $0 == " " }) } }

    private var findings: [String] { said.filter { !$0.hasSuffix(": OK") && !$0.hasSuffix(":") && !$0.isEmpty } }

    /// No signature is required, and there is no key to check the one that exists: `rpm -i` installs such a package with a warning.
    private var onlyKeysAreMissing: Bool {
        !findings.isEmpty && findings.allSatisfy { $0.hasSuffix(": NOKEY") || $0.hasSuffix(": NOTTRUSTED") }
    }

    /// librpm's own words for what is wrong, such as `Header V4 RSA/SHA512 Signature, key ID 0bce0e06: NOKEY`.
    private func reason(for package: PackageFile, in file: FD_t) -> String {
        let words = findings.joined(separator: "; ")
        let isSigned = package.isSigned
        if isSigned, words.contains("NOKEY") { return "signed with a key that this machine does not trust (gpgkey): \(words)" }
        if isSigned, !said.isEmpty, !said.contains(where: { $0.contains("Signature") }) {
            // No metadata: a file of the tree.
            let rule = package.isNamedByMetadata ? "its repository has gpgcheck=1" : "yum.conf has localpkg_gpgcheck=1"
            return "not signed; \(rule)" + (words.isEmpty ? "" : ": \(words)")
        }
        // librpm speaks of digests and signatures when it could read the header.
        let isReadable = said.contains { $0.contains(" digest: ") || $0.lowercased().contains("signature") }
        return (isReadable ? "damaged" : UnreadablePackage.reason(file)) + (words.isEmpty ? "" : ": \(words)")
    }
}
