// A machine's OpenPGP keys: those that its packages are checked with, and those that are recorded in its own package database.
internal import CRPM
import Glibc
import HostSystem
import OpenPGP
import SystemPackage

/// A public key with its subkeys.
final class PublicKey {
    private let certificate: OpenPGPCertificate
    private let key: rpmPubkey
    private let subkeys: [rpmPubkey]

    /// - Throws: `UnusableKey` when librpm cannot use it. A machine may have such a key beside others, like those of a distribution that signs with two keys.
    private init(_ certificate: OpenPGPCertificate) throws(UnusableKey) {
        self.certificate = certificate
        let known = rpmlogGetNrecs()
        var count: Int32 = 0
        // As rpmtsImportPubkey of rpmts.c, which takes a key only with its subkeys.
        guard let key = rpmPubkeyNew(certificate.bytes, certificate.bytes.count) else { throw UnusableKey(certificate, logged: known) }
        guard let subkeys = rpmGetSubkeys(key, &count) else {
            rpmPubkeyFree(key)
            throw UnusableKey(certificate, logged: known)
        }
        self.key = key
        self.subkeys = (0..<Int(count)).compactMap { subkeys[$0] }
        free(subkeys)
    }

    deinit {
        for key in subkeys + [key] { rpmPubkeyFree(key) }
    }

    /// Reads the keys of a file.
    ///
    /// - Returns: why each of the others cannot be used.
    /// - Throws: `WorkerFailure` of kind `signature` for a file that does not have a public key.
    static func read(_ path: FilePath) throws -> (keys: [PublicKey], unusable: [UnusableKey]) {
        let certificates: [OpenPGPCertificate]
        do { certificates = try OpenPGPCertificate.all(inFile: readBytes(path)) } catch let error as OpenPGPError {
            let reason =
                switch error {
                case .notOpenPGP: "not an OpenPGP public key"
                case .truncated: "a truncated OpenPGP public key"
                case .damaged: "a damaged OpenPGP public key"
                }
            throw WorkerFailure(kind: .signature, message: "\(path): \(reason)")
        }
        var keys: [PublicKey] = []
        var unusable: [UnusableKey] = []
        for certificate in certificates {
            do { keys.append(try PublicKey(certificate)) } catch { unusable.append(error) }
        }
        return (keys, unusable)
    }

    /// Adds the key to those that signatures are checked with. librpm needs subkeys to be added one by one.
    func add(to keyring: rpmKeyring?) {
        for key in [key] + subkeys { rpmKeyringAddKey(keyring, key) }
    }

    /// Records the key as a `gpg-pubkey` package in the root's database.
    func record(in transaction: rpmts) -> Bool { rpmtsImportPubkey(transaction, certificate.bytes, certificate.bytes.count) == RPMRC_OK }
}

/// A key that librpm cannot use, with the reason.
struct UnusableKey: Error, CustomStringConvertible {
    let description: String

    /// - Parameter logged: how many messages librpm had logged before it refused the key.
    fileprivate init(_ certificate: OpenPGPCertificate, logged: Int32) {
        let kind = certificate.algorithm.map { "version \(certificate.version), \(OpenPGPAlgorithm.name($0))" } ?? "version \(certificate.version)"
        var explanation: UnsafeMutablePointer<CChar>?
        // librpm 4.19 and newer say it here, 4.18 in its log.
        _ = pgpPubKeyLint(certificate.bytes, certificate.bytes.count, &explanation)
        defer { free(explanation) }
        let words = explanation.map { String(cString: $0) } ?? (rpmlogGetNrecs() > logged ? rpmlogMessage().map { String(cString: $0) } : nil)
        let reason = words.map { $0.split(separator: "\n").joined(separator: "; ") }.map { ": \($0)" } ?? ""
        description = "librpm \(LibRPM.version) cannot use the OpenPGP key of \(kind)\(reason)"
    }
}
