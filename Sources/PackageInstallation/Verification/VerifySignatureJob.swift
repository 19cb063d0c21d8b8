import Glibc
public import HostSystem
import OpenPGP
public import SystemPackage

/// Checks a detached OpenPGP signature, such as repomd.xml.asc, as dnf does through GPGME: GnuPG decides. It knows more kinds of keys than librpm, and
/// refuses keys that have expired or were revoked, which librpm's own OpenPGP code does not look at. Of several signatures, as there are while a
/// repository changes its key, one good one is enough (lr_gpg_check_signature_fd of librepo).
public struct VerifySignatureJob: WorkerJob {
    public struct Outcome: Codable, Sendable {}

    public static let name = "verify-signature"

    public var file: FilePath
    /// Armoured or binary.
    public var signature: FilePath
    /// Public keys in any form, any of which may have signed.
    public var keys: [FilePath]
    public var gpgv: Tool

    public init(file: FilePath, signature: FilePath, keys: [FilePath], gpgv: Tool) {
        self.file = file
        self.signature = signature
        self.keys = keys
        self.gpgv = gpgv
    }

    public var isolation: Isolation {
        var isolation = Isolation(writablePaths: [], readablePaths: [file, signature] + keys)
        // Resolving works without root.
        isolation.userNamespace = geteuid() != 0
        return isolation
    }

    /// - Throws: `WorkerFailure` of kind `signature`.
    public func run(reporting: WorkerReporter) throws -> Outcome {
        // Private to the job.
        let folder: FilePath = "/tmp/gnupg"
        try createDirectories(folder)
        let keyring = folder.appending("keys")
        try writeAtomically(try keys.flatMap(Self.packets), to: keyring)
        let status = StatusLines()
        let output: (any Error)?
        do {
            _ = try gpgv.runBlocking(
                ["--homedir", folder.string, "--keyring", keyring.string, "--status-fd", "1", signature.string, file.string],
                onOutput: { status.add($0) })
            output = nil
        } catch { output = error }
        let signatures = status.signatures
        if signatures.contains(where: \.isGood) { return Outcome() }
        let reasons = signatures.map(\.reason)
        guard reasons.isEmpty else { throw WorkerFailure(kind: .signature, message: reasons.joined(separator: "; ")) }
        if status.hasNoData { throw WorkerFailure(kind: .signature, message: "its signature file is not an OpenPGP signature") }
        throw WorkerFailure(kind: .signature, message: "its signature cannot be checked: \(output.map { "\($0)" } ?? "gpgv says nothing about it")")
    }

    /// The keys of a file. gpgv gives up a keyring that has one of a newer version.
    private static func packets(of path: FilePath) throws -> [UInt8] {
        do { return try OpenPGPCertificate.all(inFile: readBytes(path)).filter { $0.version <= 4 }.flatMap(\.bytes) } catch is OpenPGPError {
            // Throws the reason in the same words as for packages.
            _ = try PublicKey.read(path)
            return []
        }
    }
}
