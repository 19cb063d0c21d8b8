// What scriptlets see besides the root's own files: a /proc and a /sys that say nothing of the build host, and a minimal /dev. Mounted in the worker's namespace
// only, so that nothing of it stays in the root or on the host.
import Glibc
import HostSystem
import SystemPackage

final class ScriptletFileSystems {
    static let directories: [FilePath] = ["/proc", "/sys", "/dev"]

    private let installRoot: FilePath
    /// The root's own folders, which the mounts cover. librpm does not write to them; see `CoveredFiles`.
    private(set) var covered: [FilePath: FileDescriptor] = [:]
    private var mounted: [FilePath] = []
    /// The attributes of mounts that scriptlets can change, as they were made.
    private var attributes: [FilePath: FolderAttributes] = [:]
    private var changedAttributes: [FilePath: FolderAttributes] = [:]
    /// The files of /proc that name the kernel's release, with what stands before and after it.
    private var releases: [(file: FileDescriptor, text: (String) -> String)] = []

    private struct FolderAttributes: Equatable {
        var mode: mode_t
        var user: uid_t
        var group: gid_t

        init(_ folder: FileDescriptor) throws {
            var status = stat()
            guard fstat(folder.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
            (mode, user, group) = (status.st_mode & 0o7777, status.st_uid, status.st_gid)
        }
    }

    /// - Throws: `HostSystemError.systemCall`.
    init(installRoot: FilePath) throws {
        self.installRoot = installRoot
        for directory in Self.directories { try cover(directory) }
        mounted = ["/proc"] + Self.directories
        try mount("proc", at: inRoot("/proc"), type: "proc", hasDevices: false)
        // librpm runs Lua scriptlets in this process. With a writable /proc/self/mem they could change its code and use its privileges.
        try bindMount(inRoot("/proc"), at: inRoot("/proc"), readOnly: true)
        try coverKernel()
        try makeDevices()
        try mountMinimalDevices(at: inRoot("/dev"))
        for folder in ["/sys", "/dev"] as [FilePath] { attributes[folder] = try attributes(of: folder) }
    }

    deinit {
        for (_, folder) in covered { try? folder.close() }
        for (file, _) in releases { try? file.close() }
    }

    /// Adds a temporary folder, which librpm does not write to.
    ///
    /// - Parameter bytes: the most that it can hold in memory; `nil` for a folder on disk.
    /// - Throws: `HostSystemError.systemCall`.
    func addTemporary(_ directory: FilePath, bytes: Int?) throws {
        try cover(directory)
        if let bytes {
            try mount("tmpfs", at: inRoot(directory), type: "tmpfs", hasDevices: false, options: "mode=1777,size=\(bytes)")
        } else {
            guard chmod(inRoot(directory).string, 0o1777) == 0 else {
                throw HostSystemError.systemCall(what: "setting the mode of \(directory)", errno: Errno(rawValue: errno))
            }
            // A mount on disk too, so that scriptlets can neither remove the folder nor make hard links across its border.
            try bindMount(inRoot(directory), at: inRoot(directory), hasDevices: false)
        }
        mounted.append(directory)
    }

    /// Makes /proc and uname(2) say the release of the guest's own kernel.
    ///
    /// - Throws: `Errno`.
    func setKernelRelease(_ release: String) throws {
        for (file, text) in releases {
            try file.resize(to: 0)
            _ = try file.writeAll(toAbsoluteOffset: 0, text(release).utf8)
        }
        HostSystem.setKernelRelease(release)
    }

    /// Unmounts everything.
    ///
    /// - Throws: `HostSystemError.systemCall`, `Errno`.
    func end() throws {
        for (path, original) in attributes {
            if case let now = try attributes(of: path), now != original { changedAttributes[path] = now }
        }
        for directory in mounted { try unmount(inRoot(directory), detach: true) }
        mounted = []
    }

    /// Gives the root's own folders the modes and owners that scriptlets gave to the mounts over them. To be called when the packages' files in them are made.
    ///
    /// - Throws: `Errno`.
    func keepAttributes() throws {
        for (path, attributes) in changedAttributes {
            guard let folder = covered[path]?.rawValue else { continue }
            guard fchown(folder, attributes.user, attributes.group) == 0, fchmod(folder, attributes.mode) == 0 else { throw Errno(rawValue: errno) }
        }
    }

    private func attributes(of directory: FilePath) throws -> FolderAttributes {
        let folder = try FileDescriptor.open(inRoot(directory), .readOnly, options: [.directory, .noFollow, .closeOnExec])
        return try folder.closeAfter { try FolderAttributes(folder) }
    }

    /// Covers everything in /proc but processes: with constants, or with nothing where programs do without.
    private func coverKernel() throws {
        // In the place of /dev for a moment. What is bound elsewhere stays.
        let constants = inRoot("/dev")
        try mount("tmpfs", at: constants, type: "tmpfs", hasDevices: false, options: "mode=0755")
        let (settings, folder, empty) = (constants.appending("sys"), constants.appending("folder"), constants.appending("empty"))
        try createDirectories(folder)
        try writeAtomically([], to: empty)
        for (path, value) in ConstantMachine.settings { try write(value + "\n", to: settings.appending(path)) }
        for path in ConstantMachine.keptSettings where exists(inRoot("/proc/sys").appending(path)) {
            try write("", to: settings.appending(path))
            try bindMount(inRoot("/proc/sys").appending(path), at: settings.appending(path), readOnly: true)
        }
        releases.append((try open(settings.appending("kernel/osrelease")), { $0 + "\n" }))
        try bindMount(settings, at: inRoot("/proc/sys"), recursive: true, readOnly: true)
        for entry in try entries(of: inRoot("/proc")) where Int32(entry.string) == nil && !["sys", "sysvipc"].contains(entry.string) {
            let path = inRoot("/proc").appending(entry)
            if isFolder(path) {
                try bindMount(folder, at: path, readOnly: true)
            } else if isRegularFile(path) {
                // Not the links, which lead into the folder of a process.
                let source = try ConstantMachine.processFiles[entry.string].map { text in
                    let source = constants.appending("proc-\(entry.string)")
                    try write(text, to: source)
                    if entry.string == "version" { releases.append((try open(source), ConstantMachine.version)) }
                    return source
                }
                try bindMount(source ?? empty, at: path, readOnly: true)
            }
        }
        try unmount(constants, detach: true)
    }

    /// The folder itself stays writable, so that its mode can be set.
    private func makeDevices() throws {
        let folder = inRoot("/sys")
        try mount("sysfs", at: folder, type: "tmpfs", hasDevices: false, options: "mode=0755")
        for name in ConstantMachine.deviceFolders { try createDirectories(folder.appending(name)) }
        for (name, text) in ConstantMachine.deviceFiles { try write(text, to: folder.appending(name)) }
        for entry in try entries(of: folder) { try bindMount(folder.appending(entry), at: folder.appending(entry), readOnly: true) }
    }

    private func write(_ text: String, to path: FilePath) throws {
        try createDirectories(path.removingLastComponent())
        try writeAtomically(text.utf8, to: path)
    }

    private func open(_ path: FilePath) throws -> FileDescriptor { try FileDescriptor.open(path, .writeOnly, options: .closeOnExec) }

    private func entries(of path: FilePath) throws -> [FilePath.Component] {
        let folder = try FileDescriptor.open(path, .readOnly, options: [.directory, .closeOnExec])
        return try folder.closeAfter { try folderEntries(folder) }
    }

    private func cover(_ directory: FilePath) throws {
        try createDirectories(inRoot(directory))
        covered[directory] = try FileDescriptor.open(inRoot(directory), .readOnly, options: [.directory, .noFollow, .closeOnExec])
    }

    private func inRoot(_ path: FilePath) -> FilePath { installRoot.pushing(path.removingRoot()) }
}
