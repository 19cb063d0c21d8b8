internal import CExt2FS
import Glibc
import HostSystem
import SystemPackage

/// The attributes of an entry of a file system.
struct FileAttributes {
    /// Includes the file's type.
    var mode: UInt32
    var user: UInt32
    var group: UInt32
    var modified: timespec
    var extended: [ExtendedAttribute] = []
}

/// One ext4 file system inside a disk image, filled with libext2fs: without a mount, without privileges, and with the same bytes for the same
/// calls. mke2fs has made the empty file system before.
///
/// Tables and folders stay in libext2fs's memory until `close` writes them. Contents of files are written to the image at once, into the blocks
/// that libext2fs has allocated.
final class ExtFileSystem {
    typealias Inode = UInt32

    static let root: Inode = 2

    /// Mount point and size, for errors: `/ (2 GiB)`.
    private let name: String
    private let image: FileDescriptor
    private let offset: UInt64
    private let epoch: Int
    private var handle: ext2_filsys?
    private let blockSize: UInt64
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)

    /// - Parameters:
    ///   - offset: where in the image it begins, in bytes.
    ///   - epoch: in seconds since 1970; the time of everything that does not have one of its own.
    /// - Throws: `WorkerFailure`, `Errno`.
    init(image path: FilePath, offset: UInt64, name: String, epoch: Int) throws {
        self.name = name
        self.offset = offset
        self.epoch = epoch
        initialize_ext2_error_table()
        image = try FileDescriptor.open(path, .writeOnly, options: .closeOnExec)
        let code = discographer_ext_open(path.string, offset, &handle)
        guard code == 0, let handle else {
            blockSize = 0
            throw WorkerFailure(kind: .disks, message: "\(name): libext2fs cannot open it: \(Self.words(code))")
        }
        blockSize = UInt64(handle.pointee.blocksize)
        handle.pointee.now = time_t(epoch)
        try check(ext2fs_read_bitmaps(handle), "reading its bitmaps")
    }

    deinit {
        buffer.deallocate()
        try? image.close()
        // Not `ext2fs_close`, which would write a half-filled file system.
        if let handle { ext2fs_free(handle) }
    }

    /// Writes what libext2fs has in memory, without waiting for the host's disk: the image is a file of the cache like others.
    ///
    /// - Throws: `WorkerFailure`.
    func close() throws {
        try check(ext2fs_close2(handle, EXT2_FLAG_FLUSH_NO_SYNC), "writing its tables")
        handle = nil
    }

    /// Makes an empty folder, or uses the one that mke2fs has made (lost+found).
    func addFolder(_ name: UnsafePointer<CChar>, in parent: Inode, _ attributes: FileAttributes) throws -> Inode {
        var inode = Inode()
        if ext2fs_lookup(handle, parent, name, Int32(strlen(name)), nil, &inode) != 0 {
            inode = try newInode(in: parent, mode: attributes.mode)
            try growing(parent, name) { ext2fs_mkdir(handle, parent, inode, name) }
        }
        try describe(inode, attributes)
        return inode
    }

    /// Makes a regular file with the content and the holes of `input`.
    func addFile(
        _ name: UnsafePointer<CChar>, in parent: Inode, _ attributes: FileAttributes, size: UInt64, from input: FileDescriptor
    ) throws -> Inode {
        let number = try newInode(in: parent, mode: attributes.mode)
        var inode = described(attributes)
        discographer_ext_set_size(&inode, size)
        try withBase(of: &inode) { base in
            // Makes the root of the extent tree.
            var extents: ext2_extent_handle_t?
            try check(ext2fs_extent_open2(handle, number, base, &extents), String(cString: name))
            ext2fs_extent_free(extents)
            try check(ext2fs_write_new_inode(handle, number, base), String(cString: name))
            ext2fs_inode_alloc_stats2(handle, number, 1, 0)
            try forEachDataRange(of: input, size: size) { first, count in
                try check(
                    ext2fs_fallocate(handle, Int32(EXT2_FALLOCATE_FORCE_INIT), number, base, ~0, first, count), String(cString: name))
            }
            try copy(input, size: size, into: number, base)
        }
        try write(inode, number)
        try link(name, to: number, in: parent, type: EXT2_FT_REG_FILE)
        try setExtended(attributes.extended, of: number)
        return number
    }

    func addLink(_ name: UnsafePointer<CChar>, in parent: Inode, _ attributes: FileAttributes, target: UnsafePointer<CChar>) throws -> Inode {
        let inode = try newInode(in: parent, mode: attributes.mode)
        try growing(parent, name) { ext2fs_symlink(handle, parent, inode, name, target) }
        try describe(inode, attributes)
        return inode
    }

    /// Makes a device, FIFO or socket.
    func addNode(_ name: UnsafePointer<CChar>, in parent: Inode, _ attributes: FileAttributes, device: UInt64) throws -> Inode {
        let number = try newInode(in: parent, mode: attributes.mode)
        var inode = described(attributes)
        let type: Int32
        switch attributes.mode & S_IFMT {
        case S_IFCHR: type = EXT2_FT_CHRDEV
        case S_IFBLK: type = EXT2_FT_BLKDEV
        case S_IFIFO: type = EXT2_FT_FIFO
        default: type = EXT2_FT_SOCK
        }
        if type == EXT2_FT_CHRDEV || type == EXT2_FT_BLKDEV {
            let (major, minor) = deviceNumbers(device)
            discographer_ext_set_device(&inode, major, minor)
        }
        try withBase(of: &inode) { try check(ext2fs_write_new_inode(handle, number, $0), String(cString: name)) }
        ext2fs_inode_alloc_stats2(handle, number, 1, 0)
        try write(inode, number)
        try link(name, to: number, in: parent, type: type)
        try setExtended(attributes.extended, of: number)
        return number
    }

    /// Adds a name to a file.
    func addName(_ name: UnsafePointer<CChar>, in parent: Inode, of number: Inode, mode: UInt32) throws {
        var inode = try read(number)
        // EXT4_LINK_MAX of the kernel.
        guard inode.i_links_count < 65000 else {
            let words = "'\(String(cString: name))' is the 65,001st name of a file; ext4 allows 65,000"
            throw WorkerFailure(kind: .disks, message: "\(self.name): \(words)")
        }
        inode.i_links_count += 1
        try write(inode, number)
        let type =
            switch mode & S_IFMT {
            case S_IFLNK: EXT2_FT_SYMLINK
            case S_IFCHR: EXT2_FT_CHRDEV
            case S_IFBLK: EXT2_FT_BLKDEV
            case S_IFIFO: EXT2_FT_FIFO
            case S_IFSOCK: EXT2_FT_SOCK
            default: EXT2_FT_REG_FILE
            }
        try link(name, to: number, in: parent, type: type)
    }

    /// Sets the attributes of an existing folder or link.
    func describe(_ number: Inode, _ attributes: FileAttributes) throws {
        var inode = try read(number)
        discographer_ext_describe(
            &inode, UInt16(attributes.mode), attributes.user, attributes.group, Int64(attributes.modified.tv_sec),
            UInt32(attributes.modified.tv_nsec), Int64(epoch))
        try write(inode, number)
        try setExtended(attributes.extended, of: number)
    }

    // MARK: Inodes

    private func newInode(in parent: Inode, mode: UInt32) throws -> Inode {
        var number = Inode()
        try check(ext2fs_new_inode(handle, parent, Int32(mode), nil, &number), "a new file")
        return number
    }

    private func described(_ attributes: FileAttributes) -> ext2_inode_large {
        var inode = ext2_inode_large()
        discographer_ext_describe(
            &inode, UInt16(attributes.mode), attributes.user, attributes.group, Int64(attributes.modified.tv_sec),
            UInt32(attributes.modified.tv_nsec), Int64(epoch))
        inode.i_links_count = 1
        return inode
    }

    /// Most functions of libext2fs take only the first 128 bytes of an inode.
    private func withBase<Value>(
        of inode: inout ext2_inode_large, _ body: (UnsafeMutablePointer<ext2_inode>) throws -> Value
    ) rethrows -> Value {
        try withUnsafeMutableBytes(of: &inode) { bytes in
            guard let base = bytes.baseAddress else { preconditionFailure("an inode has bytes") }
            return try body(base.assumingMemoryBound(to: ext2_inode.self))
        }
    }

    private func read(_ number: Inode) throws -> ext2_inode_large {
        var inode = ext2_inode_large()
        try withBase(of: &inode) {
            try check(ext2fs_read_inode_full(handle, number, $0, Int32(MemoryLayout<ext2_inode_large>.size)), "inode \(number)")
        }
        return inode
    }

    private func write(_ inode: ext2_inode_large, _ number: Inode) throws {
        var inode = inode
        try withBase(of: &inode) {
            try check(ext2fs_write_inode_full(handle, number, $0, Int32(MemoryLayout<ext2_inode_large>.size)), "inode \(number)")
        }
    }

    private func setExtended(_ attributes: [ExtendedAttribute], of number: Inode) throws {
        guard !attributes.isEmpty else { return }
        var extended: OpaquePointer?
        try check(ext2fs_xattrs_open(handle, number, &extended), "inode \(number)")
        defer { ext2fs_xattrs_close(&extended) }
        for attribute in attributes {
            try check(
                ext2fs_xattr_set(extended, attribute.name, attribute.value, attribute.value.count),
                "\(attribute.name) of inode \(number)")
        }
    }

    // MARK: Folders

    private func link(_ name: UnsafePointer<CChar>, to number: Inode, in parent: Inode, type: Int32) throws {
        try growing(parent, name) { ext2fs_link(handle, parent, name, number, type) }
    }

    /// Adds a block to the folder when the name does not fit.
    private func growing(_ folder: Inode, _ name: UnsafePointer<CChar>, _ body: () -> errcode_t) throws {
        var code = body()
        if code == EXT2_ET_DIR_NO_SPACE {
            try check(ext2fs_expand_dir(handle, folder), String(cString: name))
            code = body()
        }
        try check(code, String(cString: name))
    }

    // MARK: Content

    /// Calls `body` with each range of blocks that are not holes.
    private func forEachDataRange(
        of input: FileDescriptor, size: UInt64, _ body: (_ first: UInt64, _ count: UInt64) throws -> Void
    ) throws {
        var position: off_t = 0
        // The first block after the ranges so far: two pieces of data may share a block.
        var next: UInt64 = 0
        while position < off_t(size) {
            let data = discographer_next_data(input.rawValue, position)
            if data < 0 {
                guard errno == ENXIO else { throw Errno(rawValue: errno) }
                return
            }
            var hole = discographer_next_hole(input.rawValue, data)
            if hole < 0 || hole > off_t(size) { hole = off_t(size) }
            guard hole > data else { return }
            let first = max(next, UInt64(data) / blockSize)
            next = (UInt64(hole) + blockSize - 1) / blockSize
            if next > first { try body(first, next - first) }
            position = hole
        }
    }

    /// Writes into the image, where the file's extents are. The rest of the last block is zero already.
    private func copy(
        _ input: FileDescriptor, size: UInt64, into number: Inode, _ base: UnsafeMutablePointer<ext2_inode>
    ) throws {
        guard size > 0 else { return }
        var extents: ext2_extent_handle_t?
        try check(ext2fs_extent_open2(handle, number, base, &extents), "inode \(number)")
        defer { ext2fs_extent_free(extents) }
        var extent = ext2fs_extent()
        var direction = EXT2_EXTENT_ROOT
        while true {
            let code = ext2fs_extent_get(extents, direction, &extent)
            direction = EXT2_EXTENT_NEXT
            if code == EXT2_ET_EXTENT_NO_NEXT || code == EXT2_ET_NO_CURRENT_NODE { return }
            try check(code, "inode \(number)")
            guard extent.e_flags & UInt32(EXT2_EXTENT_FLAGS_LEAF) != 0 else { continue }
            var position = extent.e_lblk * blockSize
            let end = min(size, position + UInt64(extent.e_len) * blockSize)
            var target = offset + extent.e_pblk * blockSize
            while position < end {
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, Int(end - position))])
                let count = try input.read(fromAbsoluteOffset: Int64(position), into: part)
                // The file has become shorter, though nothing else writes to the root.
                guard count > 0 else { throw Errno.ioError }
                try image.writeAll(toAbsoluteOffset: Int64(target), UnsafeRawBufferPointer(rebasing: part[..<count]))
                position += UInt64(count)
                target += UInt64(count)
            }
        }
    }

    // MARK: Errors

    private func check(_ code: errcode_t, _ what: @autoclosure () -> String) throws {
        guard code != 0 else { return }
        guard code != EXT2_ET_BLOCK_ALLOC_FAIL, code != EXT2_ET_INODE_ALLOC_FAIL, code != ENOSPC else {
            let missing = code == EXT2_ET_INODE_ALLOC_FAIL ? "inode" : "block"
            throw WorkerFailure(
                kind: .diskFull,
                message:
                    "the file system \(name) is full at \(what()): no free \(missing); use a larger 'size' in machine.yaml")
        }
        throw WorkerFailure(kind: .disks, message: "the file system \(name): \(what()): \(Self.words(code))")
    }

    private static func words(_ code: errcode_t) -> String { String(cString: error_message(code)) }
}
