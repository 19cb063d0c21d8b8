internal import CRPM
import HostSystem
import SystemPackage

/// The OpenPGP keys that a machine trusts, as a librpm keyring.
final class PackageKeyring {
    private let handle: rpmKeyring
    /// The keys that librpm cannot use, a line each.
    private(set) var unusable: [String] = []

    /// - Throws: `WorkerFailure` when a file does not have an OpenPGP public key.
    init(_ keys: [FilePath]) throws {
        guard let handle = rpmKeyringNew() else {
            throw WorkerFailure(kind: .librpm, message: "there is not enough memory for a keyring of librpm")
        }
        self.handle = handle
        for path in keys {
            let read = try PublicKey.read(path)
            for key in read.keys { key.add(to: handle) }
            unusable += read.unusable.map { "\(path): \($0)" }
        }
    }

    deinit { rpmKeyringFree(handle) }

    /// Makes these the only keys of a transaction set, which keeps them alive.
    func trust(in transaction: rpmts) { withExtendedLifetime(self) { _ = rpmtsSetKeyring(transaction, handle) } }
}
