internal import CRPM
import Glibc
public import HostSystem
public import SystemPackage

/// Checks a detached OpenPGP signature, such as repomd.xml.asc, with librpm: the same code and the same keys check packages, so that there is one
/// notion of trust in a machine.
public struct VerifySignatureJob: WorkerJob {
    public struct Outcome: Codable, Sendable {}

    public static let name = "verify-signature"

    public var file: FilePath
    /// Armoured or binary.
    public var signature: FilePath
    /// Armoured public keys, any of which may have signed.
    public var keys: [FilePath]

    public init(file: FilePath, signature: FilePath, keys: [FilePath]) {
        self.file = file
        self.signature = signature
        self.keys = keys
    }

    public var isolation: Isolation {
        var isolation = Isolation(writablePaths: [], readablePaths: [file, signature] + keys)
        // Resolving works without root.
        isolation.userNamespace = geteuid() != 0
        return isolation
    }

    /// - Throws: `WorkerFailure` of kind `signature`.
    public func run(reporting: WorkerReporter) throws -> Outcome {
        let keyring = try PackageKeyring(keys)
        let parameters = try DetachedSignature(signature)
        let signer = parameters.signer
        switch parameters.verify(try readBytes(file), by: keyring) {
        case RPMRC_OK: return Outcome()
        case RPMRC_NOKEY:
            throw WorkerFailure(
                kind: .signature,
                message: "it is signed with the key \(signer); expected one of those that gpgkey names")
        default:
            throw WorkerFailure(
                kind: .signature, message: "its signature by the key \(signer) is wrong; it was changed after it was signed")
        }
    }
}

/// A signature, parsed by librpm.
private final class DetachedSignature {
    private let handle: pgpDigParams

    /// - Throws: `WorkerFailure`.
    init(_ path: FilePath) throws {
        let packets = try Self.packets(try readBytes(path))
        var parameters: pgpDigParams?
        guard pgpPrtParams(packets, packets.count, UInt32(PGPTAG_SIGNATURE.rawValue), &parameters) == 0, let parameters
        else { throw Self.unreadable }
        handle = parameters
    }

    deinit { pgpDigParamsFree(handle) }

    private static let unreadable = WorkerFailure(kind: .signature, message: "its signature file is not an OpenPGP signature")

    /// Without the armour (RFC 4880 §6.2), which librpm 4.18 removes only from public keys. The armour's checksum is not needed here.
    private static func packets(_ bytes: [UInt8]) throws -> [UInt8] {
        // A packet begins with a byte above 127, an armour does not (§4.2).
        if let first = bytes.first, first & 0x80 != 0 { return bytes }
        let lines = String(decoding: bytes, as: UTF8.self).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard let begin = lines.firstIndex(where: { $0.hasPrefix("-----BEGIN PGP SIGNATURE-----") }),
            let blank = lines[begin...].firstIndex(where: { $0.allSatisfy(\.isWhitespace) })
        else { throw unreadable }
        let base64 = lines[(blank + 1)...].prefix { !$0.hasPrefix("=") && !$0.hasPrefix("-") }.joined()
        var decoded: UnsafeMutableRawPointer?
        var count = 0
        guard rpmBase64Decode(base64, &decoded, &count) == 0, let decoded else { throw unreadable }
        defer { free(decoded) }
        return Array(UnsafeRawBufferPointer(start: decoded, count: count))
    }

    func verify(_ bytes: [UInt8], by keyring: PackageKeyring) -> rpmRC {
        let digest = rpmDigestInit(Int32(pgpDigParamsAlgo(handle, UInt32(PGPVAL_HASHALGO.rawValue))), RPMDIGEST_NONE.rawValue)
        defer { _ = rpmDigestFinal(digest, nil, nil, 0) }
        rpmDigestUpdate(digest, bytes, bytes.count)
        return keyring.verify(handle, digest)
    }

    /// The issuer's key id in 16 hexadecimal digits, as gpg shows it.
    var signer: String {
        guard let id = pgpDigParamsSignID(handle) else { return "?" }
        return (0..<8).map { index in
            let digits = String(id[index], radix: 16, uppercase: true)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
