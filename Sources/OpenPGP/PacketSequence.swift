/// A part of a sequence of OpenPGP packets (RFC 4880 §4): the frame alone. What a packet means is up to librpm and GnuPG.
public struct OpenPGPPacket: Hashable, Sendable {
    /// RFC 4880 §4.3.
    public enum Tag: UInt8, Sendable {
        case signature = 2
        case publicKey = 6
        case publicSubkey = 14
    }

    /// `nil` for those that make no difference here.
    public var tag: Tag?
    /// With its header.
    public var bytes: ArraySlice<UInt8>
    public var body: ArraySlice<UInt8>

    /// The packets of a file without armour.
    ///
    /// - Throws: `OpenPGPError`.
    public static func sequence(_ bytes: some Sequence<UInt8>) throws(OpenPGPError) -> [OpenPGPPacket] {
        var rest = Array(bytes)[...]
        var packets: [OpenPGPPacket] = []
        while !rest.isEmpty {
            let packet = try first(of: rest)
            packets.append(packet)
            rest = rest[packet.bytes.endIndex...]
        }
        return packets
    }

    private static func first(of bytes: ArraySlice<UInt8>) throws(OpenPGPError) -> OpenPGPPacket {
        guard let head = bytes.first, head & 0x80 != 0 else { throw .notOpenPGP }
        let isNew = head & 0x40 != 0
        let tag = isNew ? head & 0x3f : (head & 0x3c) >> 2
        let lengthBytes = bytes.dropFirst()
        guard let first = lengthBytes.first else { throw .truncated }
        let size: Int
        if isNew {
            switch first {
            case ..<192: size = 1
            case ..<224: size = 2
            case 255: size = 5
            // Partial lengths are for data only (§4.2.2.4).
            default: throw .notOpenPGP
            }
        } else {
            // Type 3 says nothing about the length.
            guard head & 3 < 3 else { throw .notOpenPGP }
            size = 1 << Int(head & 3)
        }
        guard lengthBytes.count >= size else { throw .truncated }
        let field = lengthBytes.prefix(size)
        let length =
            switch (isNew, size) {
            case (true, 2): (Int(first) - 192) << 8 + Int(field[field.endIndex - 1]) + 192
            case (true, 5): number(field.dropFirst())
            default: number(field)
            }
        let body = lengthBytes.dropFirst(size).prefix(length)
        guard body.count == length else { throw .truncated }
        return OpenPGPPacket(tag: Tag(rawValue: tag), bytes: bytes[bytes.startIndex..<body.endIndex], body: body)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 + Int($1) } }
}

/// Why bytes are not what they should be.
public enum OpenPGPError: Error, Hashable {
    case notOpenPGP
    case truncated
    /// The checksum of an armour (RFC 4880 §6.1) is wrong.
    case damaged
}
