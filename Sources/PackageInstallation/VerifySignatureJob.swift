internal import CRPM
public import HostSystem
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Checks a detached OpenPGP signature, such as repomd.xml.asc, with librpm: with the code and the keys that packages are checked
/// with, so that a machine has one idea of whom it trusts. In a process of its own, as all of librpm is.
public struct VerifySignatureJob: WorkerJob {
    public struct Outcome: Codable, Sendable {}

    public static let name = "verify-signature"

    public var file: FilePath
    /// Armoured or binary.
    public var signature: FilePath
    /// Armoured public keys; a signature by any of them is good.
    public var keys: [FilePath]

    public init(file: FilePath, signature: FilePath, keys: [FilePath]) {
        self.file = file
        self.signature = signature
        self.keys = keys
    }

    public var isolation: Isolation {
        var isolation = Isolation(writablePaths: [], readablePaths: [file, signature] + keys)
        // Resolving needs no root.
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
                kind: "signature",
                message: "it is signed with the key \(signer), which is none of those that gpgkey names")
        default:
            throw WorkerFailure(
                kind: "signature", message: "its signature by the key \(signer) is wrong: it was changed after it was signed")
        }
    }
}

/// A signature as librpm reads it.
private final class DetachedSignature {
    private let handle: pgpDigParams

    /// - Throws: `WorkerFailure`.
    init(_ path: FilePath) throws {
        var packets: UnsafeMutablePointer<UInt8>?
        var length = 0
        defer { free(packets) }
        var parameters: pgpDigParams?
        guard pgpReadPkts(path.string, &packets, &length) == PGPARMOR_SIGNATURE, let packets,
            pgpPrtParams(packets, length, UInt32(PGPTAG_SIGNATURE.rawValue), &parameters) == 0, let parameters
        else {
            throw WorkerFailure(kind: "signature", message: "its signature is no armoured OpenPGP signature")
        }
        handle = parameters
    }

    deinit { pgpDigParamsFree(handle) }

    func verify(_ bytes: [UInt8], by keyring: PackageKeyring) -> rpmRC {
        let digest = rpmDigestInit(Int32(pgpDigParamsAlgo(handle, UInt32(PGPVAL_HASHALGO.rawValue))), RPMDIGEST_NONE.rawValue)
        defer { _ = rpmDigestFinal(digest, nil, nil, 0) }
        rpmDigestUpdate(digest, bytes, bytes.count)
        return keyring.verify(handle, digest)
    }

    /// The issuer's key id, 16 hexadecimal digits as gpg shows it.
    var signer: String {
        guard let id = pgpDigParamsSignID(handle) else { return "?" }
        return (0..<8).map { index in
            let digits = String(id[index], radix: 16, uppercase: true)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
