import Glibc
import HostSystem
public import SystemPackage

/// What takes the place of `GuestConstants` in a machine: its own identifiers, and its kernel command line.
public struct MachineConstants: Hashable, Codable, Sendable {
    public var machineID: String
    /// Of the root's file system; `nil` where no disk has the root.
    public var rootUUID: String?
    /// What boot entries have as options; `nil` where the machine has no boot loader.
    public var kernelCommandLine: String?

    public init(machineID: String, rootUUID: String?, kernelCommandLine: String?) {
        self.machineID = machineID
        self.rootUUID = rootUUID
        self.kernelCommandLine = kernelCommandLine
    }

    /// A path of the installed root as the machine has it.
    public func renamed(_ path: FilePath) -> FilePath {
        FilePath(root: "/", path.components.map { FilePath.Component(renamed($0.string)) ?? $0 })
    }

    /// A text of the installed root as the machine has it, such as the release of a rescue kernel.
    public func renamed(_ text: String) -> String { text.replacing(GuestConstants.machineID, with: machineID) }

    /// Puts the machine's own there, inside the root.
    ///
    /// - Parameter places: as the installation found them, a folder before its entries.
    /// - Throws: `WorkerFailure`.
    func replace(in places: [FilePath], epoch: Int) throws {
        // Entries before their folder, so that the paths of all are good until it is their turn.
        for place in places.reversed() {
            guard let status = Root.status(place, followingLinks: false), let name = place.lastComponent else { continue }
            do {
                if status.st_mode & S_IFMT == S_IFREG { try rewrite(place, status, epoch: epoch) }
                let own = renamed(name.string)
                if own != name.string { try move(place, status, to: place.removingLastComponent().appending(own)) }
            } catch { throw WorkerFailure(kind: .finish, message: "error: putting the machine's identifiers into \(place): \(error)") }
        }
    }

    private func rewrite(_ path: FilePath, _ status: stat, epoch: Int) throws {
        guard let text = try? readText(path) else { return }
        var own = renamed(text)
        if path.extension == "conf", path.removingLastComponent().ends(with: "loader/entries") { own = withOptions(own) }
        if let rootUUID { own = own.replacing(GuestConstants.rootUUID, with: rootUUID) }
        guard own != text else { return }
        // The file itself, whose owner, mode and attributes stay.
        let file = try FileDescriptor.open(path, .writeOnly, options: [.truncate, .noFollow, .closeOnExec])
        try file.closeAfter { _ = try file.writeAll(own.utf8) }
        Root.setTimes(path, epoch: min(epoch, status.st_mtim.tv_sec))
    }

    /// The Boot Loader Specification (UAPI group), type 1: `options` are the kernel command line. What the distribution adds itself, such as `$tuned_params`, stays;
    /// `$kernelopts` of Enterprise Linux 8 stands for the whole line.
    private func withOptions(_ entry: String) -> String {
        guard let kernelCommandLine else { return entry }
        let constant = Set(GuestConstants.kernelCommandLine.split(separator: " ") + ["$kernelopts"])
        var isFirst = true
        let lines = entry.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line -> String? in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.first == "options" else { return String(line) }
            let kept = words.dropFirst().filter { !constant.contains($0) }
            defer { isFirst = false }
            // More lines of options add to the first one.
            if !isFirst { return kept.isEmpty ? nil : "options " + kept.joined(separator: " ") }
            return "options " + ([kernelCommandLine] + kept.map(String.init)).joined(separator: " ")
        }
        return lines.joined(separator: "\n")
    }

    /// rename(2) does not move a folder of a lower layer (overlayfs without redirect_dir), so that it is made anew and its entries are moved.
    private func move(_ path: FilePath, _ status: stat, to target: FilePath) throws {
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return try Root.check(path.withPlatformString { path in target.withPlatformString { rename(path, $0) } })
        }
        try Root.makeFolder(target, mode: status.st_mode)
        try Root.check(target.withPlatformString { lchown($0, status.st_uid, status.st_gid) })
        try Root.check(target.withPlatformString { chmod($0, status.st_mode & 0o7777) })
        let folder = try FileDescriptor.open(path, .readOnly, options: [.directory, .noFollow, .closeOnExec])
        for name in try folder.closeAfter({ try Root.names(in: folder) }) {
            let entry = path.appending(name)
            guard let status = Root.status(entry, followingLinks: false) else { continue }
            try move(entry, status, to: target.appending(name))
        }
        try Root.check(path.withPlatformString { rmdir($0) })
        Root.setTimes(target, epoch: status.st_mtim.tv_sec)
    }
}
