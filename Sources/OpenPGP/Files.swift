// What the files of keys and signatures have in them, in each form that GnuPG reads: text with one or more armoured blocks, or packets without armour.

/// The packets of one public key, with its names, subkeys and signatures.
public struct OpenPGPCertificate: Hashable, Sendable {
    public var bytes: [UInt8]
    /// RFC 4880 §5.5.2: 4; 6 since RFC 9580.
    public var version: UInt8
    /// RFC 4880 §9.1. `nil` for versions that have it elsewhere.
    public var algorithm: UInt8?

    /// The keys of a file: a block may have several.
    ///
    /// - Throws: `OpenPGPError`; `.notOpenPGP` also for a file without a public key.
    public static func all(inFile bytes: [UInt8]) throws(OpenPGPError) -> [OpenPGPCertificate] {
        var certificates: [OpenPGPCertificate] = []
        for packets in try packets("PUBLIC KEY BLOCK", inFile: bytes) {
            for packet in packets {
                if packet.tag == .publicKey {
                    // Version, four bytes of time, algorithm.
                    guard let version = packet.body.first else { throw .notOpenPGP }
                    certificates.append(
                        OpenPGPCertificate(
                            bytes: Array(packet.bytes), version: version, algorithm: version >= 4 ? packet.body.dropFirst(5).first : nil))
                } else {
                    guard !certificates.isEmpty else { throw .notOpenPGP }
                    certificates[certificates.count - 1].bytes += packet.bytes
                }
            }
        }
        guard !certificates.isEmpty else { throw .notOpenPGP }
        return certificates
    }
}

/// The packet of one signature.
public struct OpenPGPSignature: Hashable, Sendable {
    public var bytes: [UInt8]
    public var version: UInt8
    /// RFC 4880 §9.1.
    public var algorithm: UInt8?

    /// A packet's bytes, such as those in the header of an RPM package.
    public init?(packet bytes: some Sequence<UInt8>) {
        guard let packet = try? OpenPGPPacket.sequence(bytes).first, packet.tag == .signature, let version = packet.body.first
        else { return nil }
        self.bytes = Array(packet.bytes)
        self.version = version
        // Version 3: version, 5, type, time (4), key (8), algorithm (§5.2.2); later ones: version, type, algorithm (§5.2.3).
        algorithm = version == 3 ? packet.body.dropFirst(15).first : packet.body.dropFirst(2).first
    }
}

/// The packets of each block of a kind.
///
/// - Throws: `OpenPGPError`.
private func packets(_ kind: String, inFile bytes: [UInt8]) throws(OpenPGPError) -> [[OpenPGPPacket]] {
    // A packet begins with a byte above 127, a text does not (RFC 4880 §4.2).
    if let first = bytes.first, first & 0x80 != 0, !bytes.starts(with: [0xef, 0xbb, 0xbf]) { return [try OpenPGPPacket.sequence(bytes)] }
    var sequences: [[OpenPGPPacket]] = []
    for block in try Armor.blocks(kind, in: bytes) { sequences.append(try OpenPGPPacket.sequence(block)) }
    return sequences
}
