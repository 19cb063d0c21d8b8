internal import CStored
import Glibc
import SystemPackage

/// A payload as a compressor would write it, with everything stored as it is.
struct StoredPayload: ~Copyable {
    /// What librpm calls the payload's compressor.
    enum Format: String {
        case xz, lzma, zstd

        /// librpmio's reader for it.
        var reader: String { self == .zstd ? "zstdio" : "xzdio" }
    }

    private let file: FileDescriptor
    /// Of xz alone.
    private var state: OpaquePointer?

    /// - Parameter file: written to from where it is.
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

    /// Writes what ends the payload.
    ///
    /// - Throws: `Errno`.
    mutating func end() throws {
        let state = self.state
        self.state = nil
        let result = if let state { discographer_stored_xz_end(state, 1) } else { discographer_stored_zstd_end(file.rawValue) }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }
}
