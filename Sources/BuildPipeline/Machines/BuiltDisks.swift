public import ConfigurationTree
public import SystemPackage

/// The disks of a machine that was built, in a format that QEMU boots.
public struct BuiltDisks: Sendable {
    public var paths: [FilePath]
    /// qcow2 or raw, as QEMU calls them.
    public var format: String

    /// `nil`: there are none.
    public init?(machine: Machine, paths: BuildPaths) {
        let folder = paths.artefacts(machine)
        guard let manifest = ArtefactManifest(in: folder) else { return nil }
        for format in ["qcow2", "raw"] {
            let disks = manifest.artefacts.filter { $0.format == format }.map { folder.appending($0.path) }
            if !disks.isEmpty {
                self.paths = disks
                self.format = format
                return
            }
        }
        return nil
    }
}
