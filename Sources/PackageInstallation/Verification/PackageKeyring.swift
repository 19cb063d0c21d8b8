internal import CRPM
import HostSystem
import SystemPackage

/// The OpenPGP keys that a machine trusts, as a librpm keyring.
final class PackageKeyring {
    private let handle: rpmKeyring

    /// - Throws: `WorkerFailure` when a file is not an OpenPGP public key.
    init(_ keys: [FilePath]) throws {
        guard let handle = rpmKeyringNew() else {
            throw WorkerFailure(kind: .librpm, message: "there is not enough memory for a keyring of librpm")
        }
        self.handle = handle
        for path in keys {
            for key in try PublicKey.read(path) where !key.add(to: handle) {
                throw WorkerFailure(kind: .signature, message: "\(path): librpm does not accept the key")
            }
        }
    }

    deinit { rpmKeyringFree(handle) }

    /// Makes these the only keys of a transaction set, which keeps them alive.
    func trust(in transaction: rpmts) { withExtendedLifetime(self) { _ = rpmtsSetKeyring(transaction, handle) } }

    func verify(_ signature: pgpDigParams, _ digest: DIGEST_CTX?) -> rpmRC {
        withExtendedLifetime(self) { rpmKeyringVerifySig(handle, signature, digest) }
    }
}
