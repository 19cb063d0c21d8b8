public import SystemPackage

/// Where a build reads and writes: the four path variables and the places below them (DESIGN sections 2 and 4).
public struct BuildPaths: Hashable, Codable, Sendable {
    public var configPath: FilePath
    public var cachePath: FilePath
    public var functionsPath: FilePath
    public var pathsPath: FilePath

    public init(configPath: FilePath, cachePath: FilePath, functionsPath: FilePath, pathsPath: FilePath) {
        self.configPath = configPath
        self.cachePath = cachePath
        self.functionsPath = functionsPath
        self.pathsPath = pathsPath
    }

    /// Why nothing can be built below `cachePath`; `nil` if it can.
    public var problemOfCachePath: String? {
        let text = cachePath.string
        if let bad = text.unicodeScalars.first(where: Self.cannotBeMounted) {
            return "the cache's path has \(bad.escaped(asASCII: true)) in it, which overlayfs cannot mount; choose another path"
        }
        return text.utf8.count <= Self.longestCachePath
            ? nil : "the cache's path has \(text.utf8.count) bytes; expected at most \(Self.longestCachePath)"
    }

    /// Whether a path with the character cannot be an option of overlayfs; see `LayeredRoot`.
    static func cannotBeMounted(_ character: Unicode.Scalar) -> Bool {
        [",", ":", "\\", "\u{7f}"].contains(character) || character.value < 0x20
    }

    /// In bytes. SQLite supports paths of 511 bytes (MAX_PATHNAME of its os_unix.c), and rpm's database is some 180 bytes below the cache.
    private static let longestCachePath = 300

    public func groupCache(_ group: String) -> FilePath { cachePath.appending(group) }

    public func machineCache(_ machine: Machine) -> FilePath { groupCache(machine.groupName).appending(machine.name) }

    public func minimalAppliance(_ machine: Machine) -> FilePath {
        machineCache(machine).appending("minimal-appliance")
    }

    public func artefacts(_ machine: Machine) -> FilePath { machineCache(machine).appending("artefacts") }

    public func installRoot(_ machine: Machine) -> FilePath { minimalAppliance(machine).appending("installroot") }

    public func generatedOverlays(_ machine: Machine) -> FilePath {
        minimalAppliance(machine).appending("generated-root-overlays")
    }

    /// A machine's own copy of its group's: machines are built side by side.
    public func generatedGroupOverlays(_ machine: Machine) -> FilePath {
        minimalAppliance(machine).appending("generated-group-root-overlays")
    }

    /// The published interface of scriptlets: what every one of them sees.
    public func variables(sourceDateEpoch: Int) -> [String: String] {
        [
            "configPath": configPath.string, "cachePath": cachePath.string, "functionsPath": functionsPath.string,
            "pathsPath": pathsPath.string,
            "SOURCE_DATE_EPOCH": "\(sourceDateEpoch)",
        ]
    }

    /// What the group's scriptlets see when they run for this machine.
    public func groupVariables(_ group: MachineGroup, for machine: Machine, sourceDateEpoch: Int) -> [String: String] {
        let path = configPath.appending(group.name)
        return variables(sourceDateEpoch: sourceDateEpoch).merging([
            "machineGroupName": group.name,
            "machine_group_configPath": path.string,
            "machine_group_cachePath": groupCache(group.name).string,
            "configMachineGroupDevicesPath": path.appending("devices").string,
            "machine_group_configOverlaysPath": path.appending("root-overlays").string,
            "generatedMachineGroupRootOverlaysPath": generatedGroupOverlays(machine).string,
            "machine_configGeneratorsPath": path.appending("generator-scriptlets").string,
        ]) { _, new in new }
    }

    /// What the machine's scriptlets see: the group's variables and its own.
    public func machineVariables(_ machine: Machine, in group: MachineGroup, sourceDateEpoch: Int) -> [String: String] {
        let path = configPath.appending(group.name).appending("machines").appending(machine.name)
        return groupVariables(group, for: machine, sourceDateEpoch: sourceDateEpoch).merging([
            "machineName": machine.name,
            "machine_configPath": path.string,
            "machine_cachePath": machineCache(machine).string,
            "configMachineInitPath": path.appending("init").string,
            "configMachineDevicesPath": path.appending("devices").string,
            "machine_configGeneratorsPath": path.appending("generator-scriptlets").string,
            "machine_configOverlaysPath": path.appending("root-overlays").string,
            "generatedMachineRootOverlaysPath": generatedOverlays(machine).string,
            "yum_configYumConfTemplateFilePath": path.appending("yum").appending("yum.conf.template").string,
            "cacheMachineMinimalAppliancePath": minimalAppliance(machine).string,
            "cacheMachineBuiltAppliancePath": artefacts(machine).string,
            "cacheMachineRpmInstallRootPath": installRoot(machine).string,
        ]) { _, new in new }
    }
}
