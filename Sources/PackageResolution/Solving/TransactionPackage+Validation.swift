// Checks what metadata and locks say about a package: they may be wrong or malicious.
import ConfigurationTree
import SystemPackage

extension TransactionPackage {
    /// Why the package cannot be fetched or checked, or what about it cannot be true; `nil` when it is valid.
    var invalidReason: String? {
        let parts = [("name", name), ("version", version), ("release", release), ("architecture", architecture)]
        // They become parts of file names.
        for (part, text) in parts where text.unicodeScalars.contains(where: { $0 == "/" || $0.value <= 0x20 || $0.value == 0x7f }) {
            return "its \(part) has a '/', white space or a control character"
        }
        if name.isEmpty { return "it has no name" }
        for size in [downloadSize, installedSize] where size > Self.largest {
            return "its size is \(size.bytes) bytes; expected at most 256 TiB"
        }
        guard repository != localRepositoryID else { return nil }
        guard let file = FilePath(fileName).lastComponent, file.kind == .regular else {
            return location.isEmpty ? "it has no location" : "its location '\(location)' is not a file name"
        }
        return checksum == nil ? "it has no checksum, so its content cannot be checked" : nil
    }

    /// 256 TiB: far larger than any package, and thousands of such sizes can be added without overflow.
    private static let largest = ByteCount(1 << 48)
}

extension Transaction {
    /// - Throws: `ResolutionError` with every package that repositories describe wrongly.
    func checkDescriptions() throws {
        let problems = packages.compactMap { package in
            package.invalidReason.map { "the metadata of \(package.repository) is wrong: \(package.nevra): \($0)".printable() }
        }
        guard problems.isEmpty else { throw ResolutionError(problems: problems) }
    }
}
