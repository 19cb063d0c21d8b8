internal import CLinux
import Glibc
public import SystemPackage

/// SELinux contexts of a root's files, kept beside the root. Setting the attribute itself (`security.selinux`) needs privileges that a user namespace does not
/// have, and would copy every installed file into the layer of changes. Disk writers set it.
///
/// The file has path, NUL, context, NUL for each file, in the order of the paths' bytes.
public struct FileContexts: Sendable {
    public static let attribute = "security.selinux"

    private var contexts: [[UInt8]: [UInt8]] = [:]

    public init() {}

    /// Reads a file that `write` has made. Empty when the file does not exist.
    ///
    /// - Throws: `Errno`.
    public init(reading file: FilePath) throws {
        guard exists(file) else { return }
        let fields = try readBytes(file).split(separator: 0, omittingEmptySubsequences: false)
        for index in stride(from: 0, to: fields.count - 1, by: 2) { contexts[Array(fields[index])] = Array(fields[index + 1]) }
    }

    /// - Throws: `Errno`.
    public func write(to file: FilePath) throws {
        var bytes: [UInt8] = []
        for (path, context) in sorted { bytes += path + [0] + context + [0] }
        try writeAtomically(bytes, to: file)
    }

    public var count: Int { contexts.count }

    /// The context of a file, such as `system_u:object_r:etc_t:s0`, by its path in the machine; both without NUL.
    public subscript(path: [UInt8]) -> [UInt8]? {
        get { contexts[path] }
        set { contexts[path] = newValue }
    }

    /// The attribute with its value, which ends with NUL (setfilecon(3)).
    public func extendedAttribute(of path: [UInt8]) -> ExtendedAttribute? {
        contexts[path].map { ExtendedAttribute(name: Self.attribute, value: $0 + [0]) }
    }

    /// Sets the attribute of all files of a root. The kernel lets root do that if SELinux is not enabled.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    public func set(in root: FilePath) throws {
        for (path, context) in sorted {
            let place = (root.bytes + path + [0]).map(CChar.init(bitPattern:))
            guard lsetxattr(place, Self.attribute, context + [0], context.count + 1, 0) == 0
            else {
                throw HostSystemError.systemCall(
                    what: "setting the SELinux context of \(String(decoding: path, as: UTF8.self))", errno: Errno(rawValue: errno))
            }
        }
    }

    public var sorted: [(path: [UInt8], context: [UInt8])] {
        contexts.map { (path: $0.key, context: $0.value) }.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }
}
