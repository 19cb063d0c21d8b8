internal import CStored
import Glibc
import SystemPackage

/// Writes a payload in a compressor's format with everything stored uncompressed.
struct StoredPayload: ~Copyable {
    /// By librpm's name of the payload's compressor.
    enum Format: String {
        case xz, lzma, zstd

        /// librpmio's reader for it.
        var reader: String { self == .zstd ? "zstdio" : "xzdio" }
    }

    private let file: FileDescriptor
    /// Only for xz.
    private var state: OpaquePointer?

    /// - Parameter file: written to at its current position.
    /// - Throws: `Errno`.
    init(_ format: Format, to file: FileDescriptor) throws {
        self.file = file
        if format == .zstd {
            guard discographer_stored_zstd_begin(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        } else {
            guard let state = discographer_stored_xz_begin(file.rawValue) else { throw Errno(rawValue: errno) }
            self.state = state
        }
    }

    deinit { if let state { discographer_stored_xz_end(state, 0) } }

    /// - Throws: `Errno`.
    func add(_ bytes: UnsafeRawBufferPointer) throws {
        let result =
            if let state { discographer_stored_xz_add(state, bytes.baseAddress, bytes.count) } else {
                discographer_stored_zstd_add(file.rawValue, bytes.baseAddress, bytes.count)
            }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }

    /// Writes the end of the payload.
    ///
    /// - Throws: `Errno`.
    mutating func end() throws {
        let state = self.state
        self.state = nil
        let result = if let state { discographer_stored_xz_end(state, 1) } else { discographer_stored_zstd_end(file.rawValue) }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }
}
