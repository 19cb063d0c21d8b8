// A machine's OpenPGP keys: those that its packages are checked with, and those that are recorded in its own package database.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// The packets of one public key.
final class PublicKey {
    private let packets: UnsafeMutablePointer<UInt8>
    private let count: Int

    private init(packets: UnsafeMutablePointer<UInt8>, count: Int) {
        self.packets = packets
        self.count = count
    }

    deinit { free(packets) }

    /// Reads the keys of a file, one from each armoured block.
    ///
    /// - Throws: `WorkerFailure` of kind `signature`.
    static func read(_ path: FilePath) throws -> [PublicKey] {
        let text = try readText(path)
        let marker = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
        let keys = text.components(beginningWith: marker).map { block -> PublicKey? in
            var packets: UnsafeMutablePointer<UInt8>?
            var count = 0
            let armor = pgpParsePkts(block, &packets, &count)
            guard let packets else { return nil }
            let key = PublicKey(packets: packets, count: count)
            return armor == PGPARMOR_PUBKEY ? key : nil
        }
        guard !keys.isEmpty, keys.allSatisfy({ $0 != nil }) else {
            throw WorkerFailure(kind: .signature, message: "\(path): not an armoured OpenPGP public key")
        }
        return keys.compactMap(\.self)
    }

    /// Adds the key to those that signatures are checked with. librpm needs subkeys to be added one by one.
    func add(to keyring: rpmKeyring?) -> Bool {
        guard let key = rpmPubkeyNew(packets, count) else { return false }
        defer { rpmPubkeyFree(key) }
        rpmKeyringAddKey(keyring, key)
        var count: Int32 = 0
        guard let subkeys = rpmGetSubkeys(key, &count) else { return true }
        for index in 0..<Int(count) {
            rpmKeyringAddKey(keyring, subkeys[index])
            rpmPubkeyFree(subkeys[index])
        }
        free(subkeys)
        return true
    }

    /// Records the key as a `gpg-pubkey` package in the root's database.
    func record(in transaction: rpmts) -> Bool { rpmtsImportPubkey(transaction, packets, count) == RPMRC_OK }
}

extension String {
    /// The parts that begin with the marker. Text before the first one is dropped.
    fileprivate func components(beginningWith marker: String) -> [String] {
        ranges(of: marker).map { range in
            let rest = self[range.upperBound...]
            return marker + (rest.firstRange(of: marker).map { rest[..<$0.lowerBound] } ?? rest)
        }
    }
}
