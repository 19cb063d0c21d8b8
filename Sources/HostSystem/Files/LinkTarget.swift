import Glibc
public import SystemPackage

/// The target of a symlink (readlinkat(2)), as the kernel has it: bytes that are not always text, without NUL.
///
/// - Parameters:
///   - name: relative to `folder`, or absolute.
///   - folder: an open folder; `nil` is the working folder.
/// - Throws: `Errno`; `.invalidArgument` when the file is not a symlink.
public func linkTarget(_ name: UnsafePointer<CChar>, in folder: FileDescriptor? = nil) throws -> [CChar] {
    var length = 0
    // The kernel stores no target longer than PATH_MAX - 1 bytes, so none is cut off.
    let target = [CChar](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
        length = buffer.baseAddress.map { readlinkat(folder?.rawValue ?? AT_FDCWD, name, $0, buffer.count) } ?? -1
        count = max(0, length)
    }
    guard length >= 0 else { throw Errno(rawValue: errno) }
    return target
}
