internal import CRPM

/// What is wrong with a file that librpm does not take for a package.
enum UnreadablePackage {
    /// The lead of a package (docs/manual/format_lead.md of rpm).
    private static let lead: (size: Int, magic: [UInt8], versions: ClosedRange<UInt8>) = (96, [0xed, 0xab, 0xee, 0xdb], 3...4)

    /// - Parameter file: open for librpm; its position is changed.
    static func reason(_ file: FD_t) -> String {
        var bytes = [UInt8](repeating: 0, count: lead.size)
        let count = Fseek(file, 0, 0) == 0 ? Fread(&bytes, 1, bytes.count, file) : 0
        if count == 0 { return "empty; expected an RPM package" }
        if bytes.starts(with: Array("drpm".utf8)) { return "a delta package; expected a whole one" }
        guard bytes.prefix(Int(count)).starts(with: lead.magic.prefix(Int(count))) else { return "not an RPM package" }
        guard count == lead.size else { return "truncated" }
        guard lead.versions.contains(bytes[4]) else {
            return "of version \(bytes[4]) of the package format, which librpm \(LibRPM.version) of the build host cannot read"
        }
        return "damaged, or made in a way that librpm \(LibRPM.version) of the build host cannot read"
    }
}
