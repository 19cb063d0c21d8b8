public import HostSystem
public import SystemPackage

/// How the files get onto the disks.
public enum DiskWriterKind: String, Hashable, Codable, Sendable, CaseIterable {
    /// libext2fs, in the worker itself: needs no privilege, and gives the same bytes for the same root.
    case direct
    /// The kernel's own file systems over loop devices: for the host's root only.
    case loop
    /// libguestfs, a small virtual machine: needs no privilege.
    case guestfs
}

/// The programs that write disks, by absolute path.
public struct DiskTools: Hashable, Codable, Sendable {
    public var sfdisk: Tool
    public var mkfsExt4: Tool
    public var mkswap: Tool
    public var e2fsck: Tool
    public var cp: Tool
    public var tar: Tool
    public var grubMkimage: Tool

    /// - Throws: `HostSystemError` for a tool that is not there.
    public init(_ table: ToolTable) throws {
        sfdisk = try table.tool("sfdisk")
        mkfsExt4 = try table.tool("mkfs.ext4")
        mkswap = try table.tool("mkswap")
        e2fsck = try table.tool("e2fsck")
        cp = try table.tool("cp")
        tar = try table.tool("tar")
        grubMkimage = try table.tool("grub-mkimage")
    }
}

/// Makes the raw disk images of a machine. How: DiskWriting, which the worker alone is linked with.
public struct WriteDisksJob: JobDescription {
    /// The image of each planned disk.
    public typealias Outcome = [FilePath]

    public static let name = "write-disks"

    public var plan: DiskPlan
    public var root: LayeredRoot
    public var machineCache: FilePath
    /// Where `<disk>.raw` are made; an existing folder below `machineCache`.
    public var output: FilePath
    public var writer: DiskWriterKind
    public var usesKVM: Bool
    public var installsGRUB: Bool
    public var tools: DiskTools
    public var sourceDateEpoch: Int

    public init(
        plan: DiskPlan, root: LayeredRoot, machineCache: FilePath, output: FilePath, writer: DiskWriterKind,
        usesKVM: Bool, installsGRUB: Bool,
        tools: DiskTools, sourceDateEpoch: Int
    ) {
        self.plan = plan
        self.root = root
        self.machineCache = machineCache
        self.output = output
        self.writer = writer
        self.usesKVM = usesKVM
        self.installsGRUB = installsGRUB
        self.tools = tools
        self.sourceDateEpoch = sourceDateEpoch
    }

    public var isolation: Isolation { Isolation(writablePaths: [machineCache]) }
}
