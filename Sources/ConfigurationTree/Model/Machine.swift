// The tree as values (DESIGN section 1). Every path is absolute. Symlinks are resolved, except inside root overlays, where they are content.
public import SystemPackage

public struct MachineGroup: Hashable, Codable, Sendable {
    public var name: String
    public var path: FilePath
    /// Requested for every machine of the group.
    public var packages: [PackageRequest] = []
    public var devices: [Device] = []
    public var devicesFile: FilePath?
    public var generatorScriptlets: [FilePath] = []
    public var rootUnderlays: [OverlayLayer] = []
    public var rootOverlays: [OverlayLayer] = []
    /// `nil`: without a list, every file keeps its bit.
    public var setuidWhitelist: [FilePath]?
    public var setgidWhitelist: [FilePath]?
    public var machines: [Machine] = []

    public init(name: String, path: FilePath) {
        self.name = name
        self.path = path
    }
}

public struct Machine: Hashable, Codable, Sendable {
    /// The machine's name and hostname: a DNS label (RFC 1123).
    public var name: String
    public var groupName: String
    public var path: FilePath
    /// This machine's own; `MachineGroup` has the group's.
    public var packages: [PackageRequest] = []
    public var packagesFile: FilePath
    public var yum: YumFolder
    public var initFile: FilePath
    public var devices: [Device] = []
    public var devicesFile: FilePath
    public var generatorScriptlets: [FilePath] = []
    public var rootUnderlays: [OverlayLayer] = []
    public var rootOverlays: [OverlayLayer] = []
    /// Local package files, installed together with `packages`.
    public var rpms: [FilePath] = []
    public var tests: [FilePath] = []
    public var lockFile: FilePath?
    public var setuidWhitelist: [FilePath]?
    public var setgidWhitelist: [FilePath]?
    /// From the group's machine-group.yaml and, over it, the machine's machine.yaml.
    public var description = MachineDescription()

    public init(
        name: String, groupName: String, path: FilePath, packagesFile: FilePath, yum: YumFolder, initFile: FilePath,
        devicesFile: FilePath
    ) {
        self.name = name
        self.groupName = groupName
        self.path = path
        self.packagesFile = packagesFile
        self.yum = yum
        self.initFile = initFile
        self.devicesFile = devicesFile
    }

    /// `group/machine`, as the command line takes it.
    public var fullName: String { "\(groupName)/\(name)" }
}

/// One line of a `packages` file.
public struct PackageRequest: Hashable, Codable, Sendable {
    public enum Kind: String, Codable, Sendable {
        /// What dnf accepts as a spec: a name, `name.arch`, `name-version[-release]`, a provide, or a file path.
        case install
        /// `@group` from comps, or `@module:stream/profile`.
        case group
        /// `-name`: must not be installed.
        case forbid
    }

    public var kind: Kind
    /// Without the leading `@` or `-`.
    public var spec: String
    public var location: SourceLocation

    public init(_ kind: Kind, _ spec: String, at location: SourceLocation) {
        self.kind = kind
        self.spec = spec
        self.location = location
    }
}

/// A machine's `yum/` folder.
public struct YumFolder: Hashable, Codable, Sendable {
    public var path: FilePath
    public var configurationTemplate: FilePath
    /// `repositories/*.repo`, sorted by name.
    public var repositoryFiles: [FilePath] = []
    /// `keys/*`, sorted by name.
    public var keys: [FilePath] = []
    /// `vars/*`: the first line of each file, by the file's name, as in yum.conf(5).
    public var variables: [String: String] = [:]

    public init(path: FilePath, configurationTemplate: FilePath) {
        self.path = path
        self.configurationTemplate = configurationTemplate
    }
}

/// One line of a `devices` file.
public struct Device: Hashable, Codable, Sendable {
    public enum Kind: Hashable, Codable, Sendable {
        case block(major: UInt32, minor: UInt32)
        case character(major: UInt32, minor: UInt32)
        case fifo
    }

    public var path: FilePath
    public var kind: Kind
    /// The low twelve bits of the mode.
    public var permissions: UInt16
    public var location: SourceLocation

    public init(path: FilePath, kind: Kind, permissions: UInt16, location: SourceLocation) {
        self.path = path
        self.kind = kind
        self.permissions = permissions
        self.location = location
    }
}

/// One folder below `root-underlays` or `root-overlays`: files that are copied into the root.
public struct OverlayLayer: Hashable, Codable, Sendable {
    public var name: String
    /// With symlinks resolved.
    public var path: FilePath
    /// From `<layer>.permissions` beside the layer.
    public var permissions: [OverlayPermission] = []

    public init(name: String, path: FilePath, permissions: [OverlayPermission] = []) {
        self.name = name
        self.path = path
        self.permissions = permissions
    }
}

/// One line of a `<layer>.permissions` file: what Git cannot store.
public struct OverlayPermission: Hashable, Codable, Sendable {
    /// Absolute, in the root.
    public var path: FilePath
    /// A name of the root's own passwd, or a number.
    public var owner: String
    public var group: String
    public var mode: UInt16
    /// In the form of cap_from_text(3), such as `cap_net_raw=ep`.
    public var capabilities: String?
    public var location: SourceLocation

    public init(
        path: FilePath, owner: String, group: String, mode: UInt16, capabilities: String?, location: SourceLocation
    ) {
        self.path = path
        self.owner = owner
        self.group = group
        self.mode = mode
        self.capabilities = capabilities
        self.location = location
    }
}
