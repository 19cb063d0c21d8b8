// What metadata and locks may say of a package. Whoever wrote them may be wrong, or mean harm.
import ConfigurationTree
import SystemPackage

extension TransactionPackage {
    /// Why the package can be neither fetched nor checked, or what about it cannot be true; `nil` when all is well.
    var defect: String? {
        let parts = [("name", name), ("version", version), ("release", release), ("architecture", architecture)]
        // They become parts of file names.
        for (part, text) in parts where text.unicodeScalars.contains(where: { $0 == "/" || $0.value <= 0x20 || $0.value == 0x7f }) {
            return "its \(part) has a '/', white space or a control character"
        }
        if name.isEmpty { return "it has no name" }
        for size in [downloadSize, installedSize] where size > Self.largest {
            return "its size is said to be \(size.bytes) bytes"
        }
        guard repository != localRepositoryID else { return nil }
        guard let file = FilePath(location).lastComponent, file.kind == .regular else {
            return location.isEmpty ? "nothing says where it is (location)" : "its location '\(location)' is no file's"
        }
        return checksum == nil ? "it has no checksum, so that its bytes cannot be checked" : nil
    }

    /// 256 TiB: no file system of today takes a larger file, and thousands of such sizes can be added up.
    private static let largest = ByteCount(1 << 48)
}

extension Transaction {
    /// - Throws: `ResolutionError` with every package that repositories describe wrongly.
    func checkDescriptions() throws {
        let problems = packages.compactMap { package in
            package.defect.map { "the metadata of \(package.repository) is wrong: \(package.nevra): \($0)".printable() }
        }
        guard problems.isEmpty else { throw ResolutionError(problems: problems) }
    }
}
