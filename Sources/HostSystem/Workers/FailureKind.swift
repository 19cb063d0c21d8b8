/// What a worker's job failed at. Kinds that callers ask for have a name here; a string literal makes one that is only shown.
public struct FailureKind: RawRepresentable, Codable, Hashable, Sendable, ExpressibleByStringLiteral {
    public var rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public init(stringLiteral value: String) { self.init(rawValue: value) }

    /// librpm refused something that is not a package's fault: no memory, no configuration, a database that cannot be written.
    public static let librpm = FailureKind(rawValue: "librpm")
    /// Packages or keys that the machine does not trust, or that cannot be read.
    public static let signature = FailureKind(rawValue: "signature")
    /// Packages that need others, or exclude each other.
    public static let dependencies = FailureKind(rawValue: "dependencies")
    /// The installation of packages.
    public static let transaction = FailureKind(rawValue: "transaction")
    /// A scriptlet of a package or of the tree.
    public static let scriptlet = FailureKind(rawValue: "scriptlet")
    /// A file of an overlay, underlay or `.permissions` file.
    public static let overlay = FailureKind(rawValue: "overlay")
    /// A line of a `devices` file.
    public static let devices = FailureKind(rawValue: "devices")
    /// The last changes to a root, after the overlays.
    public static let finish = FailureKind(rawValue: "finish")
    /// Partitions and file systems.
    public static let disks = FailureKind(rawValue: "disks")
    /// A file system of the machine is too small.
    public static let diskFull = FailureKind(rawValue: "diskFull")
    public static let bootLoader = FailureKind(rawValue: "bootLoader")
    public static let libguestfs = FailureKind(rawValue: "libguestfs")
}
