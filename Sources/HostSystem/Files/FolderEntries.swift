// Reads folders and extended attributes. Names are bytes and are sorted by bytes.
internal import CLinux
import Glibc
public import SystemPackage

/// The names in an open folder without `.` and `..`, in alphanumeric (byte) order, as C strings.
///
/// - Throws: `Errno`.
public func folderNames(_ directory: FileDescriptor) throws -> [[CChar]] {
    let copy = openat(directory.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw Errno(rawValue: errno) }
    guard let stream = fdopendir(copy) else {
        let error = Errno(rawValue: errno)
        close(copy)
        throw error
    }
    defer { closedir(stream) }
    var names: [[CChar]] = []
    errno = 0
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
            tuple.withMemoryRebound(to: CChar.self, capacity: 256) { first in
                Array(UnsafeBufferPointer(start: first, count: strlen(first) + 1))
            }
        }
        if name != [0x2e, 0] && name != [0x2e, 0x2e, 0] { names.append(name) }
        errno = 0
    }
    guard errno == 0 else { throw Errno(rawValue: errno) }
    // strcmp(3) compares bytes, as unsigned numbers.
    names.sort { strcmp($0, $1) < 0 }
    return names
}

/// As `folderNames`, as path components.
public func folderEntries(_ directory: FileDescriptor) throws -> [FilePath.Component] {
    try folderNames(directory).compactMap { FilePath.Component(platformString: $0) }
}

extension FilePath {
    /// The path's bytes without NUL. They are not always text.
    public var bytes: [UInt8] { withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } }
}

extension FilePath.Component {
    /// The name's bytes without NUL. They are not always text.
    public var bytes: [UInt8] { withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } }
}

/// One of a file's extended attributes (xattr(7)).
public struct ExtendedAttribute: Hashable, Sendable {
    /// With its class, such as `security.capability`.
    public var name: String
    public var value: [UInt8]

    public init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// A file's extended attributes, sorted by name, without following a link. Capabilities are as root of this user namespace sets them. The attribute that marks a
/// stand-in for a device node is left out, and so is the SELinux context, which is the build host's (`FileContexts` has the machine's).
///
/// - Throws: `Errno`.
public func extendedAttributes(of path: UnsafePointer<CChar>) throws -> [ExtendedAttribute] {
    try extendedAttributes(of: path) { $0 != DISCOGRAPHER_NODE_ATTRIBUTE && $0 != FileContexts.attribute }
}

/// As `extendedAttributes`, with what stands for a device node.
///
/// - Throws: `Errno`.
public func allExtendedAttributes(of path: UnsafePointer<CChar>) throws -> [ExtendedAttribute] {
    try extendedAttributes(of: path) { $0 != FileContexts.attribute }
}

private func extendedAttributes(of path: UnsafePointer<CChar>, where isWanted: (String) -> Bool) throws -> [ExtendedAttribute] {
    let size = llistxattr(path, nil, 0)
    if size == 0 || (size < 0 && errno == EOPNOTSUPP) { return [] }
    guard size > 0 else { throw Errno(rawValue: errno) }
    var list = [CChar](repeating: 0, count: size)
    let length = llistxattr(path, &list, size)
    guard length >= 0 else { throw Errno(rawValue: errno) }
    let names = list[..<length].split(separator: 0).map { String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self) }
    return try names.sorted().filter(isWanted).map { name in
        let size = lgetxattr(path, name, nil, 0)
        guard size >= 0 else { throw Errno(rawValue: errno) }
        var value = [UInt8](repeating: 0, count: size)
        guard lgetxattr(path, name, &value, size) == size else { throw Errno(rawValue: errno) }
        return ExtendedAttribute(name: name, value: value)
    }
}
