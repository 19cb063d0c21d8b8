internal import CGuestfs
import HostSystem
import SystemPackage

/// The one owner of a libguestfs handle. Calls block. The text of an error is read right after its call, before another one replaces it.
final class GuestfsHandle {
    private let handle: OpaquePointer

    /// - Throws: `WorkerFailure`.
    init(scratch: FilePath, usesKVM: Bool) throws {
        if let problem = discographer_guestfs_load() {
            throw WorkerFailure(
                kind: .libguestfs,
                message: "\(String(cString: problem)); only the disk writer 'guestfs' needs libguestfs; install it or choose another writer")
        }
        // NO_ENVIRONMENT: the caller's LIBGUESTFS_* must have no effect. NO_CLOSE_ON_EXIT: this object closes the handle.
        guard
            let handle = discographer_guestfs_create_flags(
                UInt32(GUESTFS_CREATE_NO_ENVIRONMENT | GUESTFS_CREATE_NO_CLOSE_ON_EXIT))
        else {
            throw WorkerFailure(kind: .libguestfs, message: "libguestfs cannot make a handle")
        }
        self.handle = handle
        // The default handler prints errors to standard error.
        discographer_guestfs_print_no_errors(handle)
        try check(discographer_guestfs_set_backend(handle, "direct"), "choosing the direct backend")
        if !usesKVM { try check(discographer_guestfs_set_backend_setting(handle, "force_tcg", "1"), "choosing software emulation") }
        try check(discographer_guestfs_set_tmpdir(handle, scratch.string), "setting its temporary folder")
        try check(discographer_guestfs_set_cachedir(handle, scratch.string), "setting its cache folder")
        try check(discographer_guestfs_set_memsize(handle, 1024), "setting its memory")
        _ = discographer_guestfs_set_autosync(handle, 1)
    }

    deinit { discographer_guestfs_close(handle) }

    private func check(_ result: Int32, _ what: String) throws {
        guard result != 0 else { return }
        let text = discographer_guestfs_last_error(handle).map { String(cString: $0) } ?? "no reason given"
        throw WorkerFailure(kind: .libguestfs, message: "libguestfs, \(what): \(text)")
    }

    func addDisk(_ image: FilePath) throws { try check(discographer_guestfs_add_raw_drive(handle, image.string), "adding \(image)") }

    func launch() throws {
        try check(discographer_guestfs_launch(handle), "starting its virtual machine, which needs a kernel in /boot of the build host")
    }

    func mount(_ device: String, at path: String) throws {
        if path != "/" { try check(discographer_guestfs_mkdir_p(handle, path), "making \(path)") }
        try check(discographer_guestfs_mount_options(handle, "", device, path), "mounting \(device)")
    }

    func unpack(tar: FilePath) throws {
        try check(discographer_guestfs_tar_in_with_attributes(handle, tar.string, "/"), "unpacking the root")
    }

    /// The value is written with the NUL at its end (setfilecon(3)).
    func setContext(_ context: [UInt8], of path: [UInt8]) throws {
        let name = String(decoding: path, as: UTF8.self)
        let result = (path + [0]).withUnsafeBytes { path in
            (context + [0]).withUnsafeBytes { value in
                discographer_guestfs_lsetxattr(
                    handle, FileContexts.attribute, value.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(value.count),
                    path.baseAddress?.assumingMemoryBound(to: CChar.self))
            }
        }
        try check(result, "setting the SELinux context of \(name)")
    }

    func close() throws {
        try check(discographer_guestfs_umount_all(handle), "unmounting")
        try check(discographer_guestfs_shutdown(handle), "ending its virtual machine")
    }
}
