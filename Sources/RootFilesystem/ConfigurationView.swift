import HostSystem
import SystemPackage

/// The configuration tree as generator scriptlets see it: they may write into it, and what they write is in a throw-away layer of
/// this process's mounts. The tree stays as Git has it.
struct ConfigurationView {
    var configPath: FilePath
    /// On a file system that overlayfs takes for its upper layer; the caller removes it.
    var scratch: FilePath
    /// Stays what it is, even where it is below `configPath`.
    var machineCache: FilePath

    /// - Throws: `HostSystemError.systemCall`, `Errno`.
    func mount() throws {
        let (changes, work) = (scratch.appending("changes"), scratch.appending("work"))
        try createDirectories(changes)
        try createDirectories(work)
        // By descriptor: the mount's options cannot hold every path (',' and ':' separate them), and the cache below the tree is about to
        // be hidden.
        let folders = try [configPath, changes, work, machineCache].map {
            try FileDescriptor.open($0, .readOnly, options: [.directory, .closeOnExec])
        }
        defer { for folder in folders { try? folder.close() } }
        let names = folders.map { "/proc/self/fd/\($0.rawValue)" }
        try HostSystem.mount(
            "overlay", at: configPath, type: "overlay",
            options: "lowerdir=\(names[0]),upperdir=\(names[1]),workdir=\(names[2])" + overlayAttributes)
        if Root.real(machineCache).starts(with: Root.real(configPath)) {
            try bindMount(FilePath(names[3]), at: machineCache, recursive: true)
        }
    }
}
