// Reads only the wanted paths of a repository's filelists.xml. The whole file has hundreds of megabytes of paths that nothing depends on, and
// libsolv needs ten times as long to read it as this filter needs to search it.
import BuildStore
import Glibc

/// Paths to look for in lists of files.
struct WantedFiles: Hashable, Sendable {
    let paths: Set<String>

    init(_ paths: some Sequence<String>) { self.paths = Set(paths) }

    /// A name for these paths in the metadata of that key; equal sets have equal names.
    ///
    /// - Throws: `EncodingError`.
    func name(with key: String) throws -> String {
        try Identity(stage: "wanted files", version: 1, of: [key] + paths.sorted()).hexadecimal
    }

    /// The document without unwanted files, and without packages that have only such files. Everything else stays as it is.
    ///
    /// - Parameter read: fills the memory with the next bytes, and returns how many there are; 0 at the end.
    /// - Returns: `nil` for XML that needs a parser (comments, CDATA, markup in a file's name), which programs do not write.
    func filter(_ read: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8]? {
        var filter = FilelistsFilter(wanted: Fingerprints(paths))
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var filled = 0
        while true {
            // The rest is the beginning of something that is longer than the buffer.
            if filled == buffer.count { buffer.append(contentsOf: repeatElement(0, count: buffer.count)) }
            let count = buffer.withUnsafeMutableBytes { read(UnsafeMutableRawBufferPointer(rebasing: $0[filled...])) }
            filled += count
            let used = buffer.withUnsafeBytes { filter.take(UnsafeRawBufferPointer(rebasing: $0[..<filled]), isLast: count == 0) }
            guard let used else { return nil }
            if count == 0 { return filter.kept }
            buffer.withUnsafeMutableBytes { bytes in
                guard let start = bytes.baseAddress, used > 0 else { return }
                memmove(start, start + used, filled - used)
            }
            filled -= used
        }
    }
}

/// A set of paths that rejects most other paths quickly.
private struct Fingerprints {
    private let paths: Set<[UInt8]>
    private var bits = [UInt64](repeating: 0, count: 1 << 14)

    init(_ paths: Set<String>) {
        self.paths = Set(paths.map { Array($0.utf8) })
        for path in self.paths {
            let place = path.withUnsafeBytes(Self.place)
            bits[place >> 6] |= 1 << UInt64(place & 63)
        }
    }

    func contains(_ path: UnsafeRawBufferPointer) -> Bool {
        let place = Self.place(path)
        return bits[place >> 6] & (1 << UInt64(place & 63)) != 0 && paths.contains(Array(path))
    }

    /// 20 bits of the last eight bytes and the length.
    private static func place(_ path: UnsafeRawBufferPointer) -> Int {
        var end: UInt64 = 0
        if path.count >= 8 {
            end = path.loadUnaligned(fromByteOffset: path.count - 8, as: UInt64.self)
        } else {
            for byte in path { end = end << 8 | UInt64(byte) }
        }
        // The golden ratio's fraction, as in Knuth's multiplicative hashing.
        return Int(((end ^ UInt64(path.count)) &* 0x9E37_79B9_7F4A_7C15) >> 44)
    }
}

/// Goes through the document element by element.
private struct FilelistsFilter {
    let wanted: Fingerprints
    private(set) var kept: [UInt8] = []
    /// Where the package that is being read begins in `kept`.
    private var package: Int?
    private var isPackageKept = false

    init(wanted: Fingerprints) { self.wanted = wanted }

    /// - Returns: how many bytes were processed; `nil` for XML that needs a parser.
    mutating func take(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> Int? {
        var place = 0
        while place < bytes.count {
            guard let tag = bytes.first(of: "<", from: place) else {
                // Text ends here, or continues in the next bytes.
                kept.append(contentsOf: bytes[place...])
                return bytes.count
            }
            kept.append(contentsOf: bytes[place..<tag])
            place = tag
            guard let end = bytes.endOfTag(from: tag) else { return isLast ? nil : place }
            if bytes[tag + 1] == UInt8(ascii: "!") { return nil }
            if bytes.isTag("<file", at: tag), bytes[end - 2] != UInt8(ascii: "/") {
                guard let close = bytes.first(of: "<", from: end), close + 6 < bytes.count else { return isLast ? nil : place }
                guard bytes.isTag("</file", at: close) else { return nil }
                guard let after = bytes.endOfTag(from: close) else { return isLast ? nil : place }
                let path = UnsafeRawBufferPointer(rebasing: bytes[end..<close])
                // A reference such as &amp; is for the parser to read.
                if path.contains(UInt8(ascii: "&")) || wanted.contains(path) {
                    kept.append(contentsOf: bytes[tag..<after])
                    isPackageKept = true
                }
                place = after
                continue
            }
            if bytes.isTag("<package", at: tag) {
                package = kept.count
                isPackageKept = bytes[end - 2] == UInt8(ascii: "/")
            } else if !bytes.isTag("<version", at: tag) && !bytes.isTag("</package", at: tag) {
                // The meaning of other elements is unknown, so keep the package.
                isPackageKept = true
            }
            kept.append(contentsOf: bytes[tag..<end])
            place = end
            if bytes.isTag("</package", at: tag), let package {
                if !isPackageKept { kept.removeLast(kept.count - package) }
                self.package = nil
            }
        }
        return place
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func first(of character: Unicode.Scalar, from start: Int) -> Int? {
        guard let base = baseAddress, start < count,
            let found = memchr(base + start, Int32(character.value), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// The index after the `>` that ends the tag which begins here; an attribute may have `>` too.
    fileprivate func endOfTag(from start: Int) -> Int? {
        var quote: UInt8?
        for place in start..<count {
            let byte = self[place]
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                return place + 1
            }
        }
        return nil
    }

    fileprivate func isTag(_ text: StaticString, at place: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard let base = baseAddress, place + length < count, memcmp(base + place, text.utf8Start, length) == 0 else { return false }
        switch self[place + length] {
        case UInt8(ascii: ">"), UInt8(ascii: "/"), UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): return true
        default: return false
        }
    }
}
