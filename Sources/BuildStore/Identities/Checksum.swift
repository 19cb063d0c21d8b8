import Foundation
public import SystemPackage

/// A digest with the algorithm that made it.
public struct Checksum: Hashable, Codable, Sendable, CustomStringConvertible {
    public enum Algorithm: String, Codable, Sendable, CaseIterable {
        case md5, sha1, sha256, sha384, sha512
    }

    public var algorithm: Algorithm
    /// Lower-case.
    public var hexadecimal: String

    public init(_ algorithm: Algorithm, _ hexadecimal: String) {
        self.algorithm = algorithm
        self.hexadecimal = hexadecimal.lowercased()
    }

    /// The checksum of a file's content, or of its first `length` bytes.
    ///
    /// - Throws: `Errno` of open(2) or read(2).
    public init(_ algorithm: Algorithm, ofFile path: FilePath, length: Int64 = .max) throws {
        let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        self = try descriptor.closeAfter { try Checksum(algorithm, of: descriptor, length: length) }
    }

    /// The checksum of what is left of an open file, or of the next `length` bytes.
    ///
    /// - Throws: `Errno` of read(2).
    init(_ algorithm: Algorithm, of descriptor: FileDescriptor, length: Int64 = .max) throws {
        let digester = Digester(algorithm)
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { chunk.deallocate() }
        var left = length
        while left > 0, case let count = try descriptor.read(into: chunk), count > 0 {
            digester.update(UnsafeRawBufferPointer(rebasing: chunk[..<Int(min(Int64(count), left))]))
            left -= Int64(count)
        }
        self.init(algorithm, digester.finalize().hexadecimal)
    }

    public var description: String { "\(algorithm.rawValue):\(hexadecimal)" }
}
