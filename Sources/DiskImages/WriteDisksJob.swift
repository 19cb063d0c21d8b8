import ConfigurationTree
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

/// The programs that write a plan's disks, by their names in the table of tools.
public struct DiskTools: Hashable, Codable, Sendable {
    private var tools: [String: Tool]

    /// The names of those that a plan needs, sorted.
    ///
    /// - Parameter installsGRUB: whether the first disk gets GRUB for BIOS.
    public static func names(for plan: DiskPlan, writer: DiskWriterKind, installsGRUB: Bool) -> [String] {
        let fileSystems = Set(plan.disks.flatMap(\.partitions).compactMap(\.fileSystem))
        var names: Set<String> = []
        if plan.disks.contains(where: { $0.table != .none }) { names.insert("sfdisk") }
        if fileSystems.contains(.ext4) { names.insert("mkfs.ext4") }
        if fileSystems.contains(.swap) { names.insert("mkswap") }
        if installsGRUB { names.insert("grub-mkimage") }
        switch writer {
        case .direct: break
        case .loop: names.insert("cp")
        case .guestfs: names.insert("tar")
        }
        return names.sorted()
    }

    public init(_ tools: [Tool]) { self.tools = Dictionary(tools.map { ($0.name, $0) }) { first, _ in first } }

    /// - Throws: `WorkerFailure` when the plan was said to do without the program.
    package func tool(_ name: String) throws -> Tool {
        guard let tool = tools[name] else { throw WorkerFailure(kind: "tools", message: "the job does not have the program '\(name)'") }
        return tool
    }

    var paths: [FilePath] { tools.values.map(\.path) }
}

/// Makes the raw disk images of a machine. How: DiskWriting, which the worker alone is linked with.
public struct WriteDisksJob: JobDescription {
    /// The names of the images, in the order of the planned disks.
    public typealias Outcome = [String]

    public static let name = "write-disks"

    public var plan: DiskPlan
    public var root: LayeredRoot
    /// Where `<disk>.raw` are made; an existing folder.
    public var output: FilePath
    public var writer: DiskWriterKind
    public var usesKVM: Bool
    public var installsGRUB: Bool
    public var tools: DiskTools
    public var sourceDateEpoch: Int

    public init(
        plan: DiskPlan, root: LayeredRoot, output: FilePath, writer: DiskWriterKind, usesKVM: Bool, installsGRUB: Bool, tools: DiskTools,
        sourceDateEpoch: Int
    ) {
        self.plan = plan
        self.root = root
        self.output = output
        self.writer = writer
        self.usesKVM = usesKVM
        self.installsGRUB = installsGRUB
        self.tools = tools
        self.sourceDateEpoch = sourceDateEpoch
    }

    public var isolation: Isolation {
        var isolation = Isolation(
            writablePaths: [output], readablePaths: root.layers + [root.changes.removingLastComponent()] + tools.paths)
        // libguestfs makes its appliance of the host's own files, and loop devices are the host's.
        isolation.hidesHost = writer == .direct
        return isolation
    }
}
