public import ConfigurationTree
public import SystemPackage

/// The disks of a machine that was built, in a format that QEMU boots.
public struct BuiltDisks: Sendable {
    public var paths: [FilePath]
    /// qcow2 or raw, as QEMU calls them.
    public var format: String

    /// `nil`: there are none.
    public init?(machine: Machine, paths: BuildPaths) {
        guard let manifest = ArtefactManifest(in: paths.artefacts(machine)) else { return nil }
        for format in ["qcow2", "raw"] {
            let disks = manifest.artefacts.filter { $0.format == format }.map(\.path)
            if !disks.isEmpty {
                self.paths = disks
                self.format = format
                return
            }
        }
        return nil
    }
}
