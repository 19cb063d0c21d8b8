public import ConfigurationTree
public import HostSystem
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file whose text the pipeline makes: fstab, the boot loader's configuration, the host's name.
public struct GeneratedFile: Hashable, Codable, Sendable {
    public var path: FilePath
    public var text: String
    public var mode: UInt16
    /// `false`: a file that a package or an overlay brought is kept, unless it is empty.
    public var replaces: Bool

    public init(path: FilePath, text: String, mode: UInt16 = 0o644, replaces: Bool) {
        self.path = path
        self.text = text
        self.mode = mode
        self.replaces = replaces
    }
}

/// A run of bash over generator scriptlets.
public struct GeneratorRun: Hashable, Codable, Sendable {
    public var scriptlets: [FilePath]
    public var variables: [String: String]
    /// Emptied before the run; its folders are layers after it.
    public var generatedOverlays: FilePath
    /// The folder of the tree, read again after the run: scriptlets may put layers there.
    public var overlays: FilePath
    public var layers: [OverlayLayer]

    public init(
        scriptlets: [FilePath], variables: [String: String], generatedOverlays: FilePath, overlays: FilePath,
        layers: [OverlayLayer]
    ) {
        self.scriptlets = scriptlets
        self.variables = variables
        self.generatedOverlays = generatedOverlays
        self.overlays = overlays
        self.layers = layers
    }
}

public struct ComposeOutcome: Hashable, Codable, Sendable {
    /// What overlays put into the root, sorted.
    public var overlaidPaths: [FilePath]
    /// Files that lost the setuid or setgid bit.
    public var strippedPaths: [FilePath]
}

/// Everything between the installed packages and the disks: devices, /init, generator scriptlets, overlays, and the last touches.
///
/// The result is the layered root's `changes` folder; the installed packages stay as they are.
public struct ComposeJob: WorkerJob {
    public typealias Outcome = ComposeOutcome

    public static let name = "compose"

    public var root: LayeredRoot
    public var machineName: String
    public var devices: [Device]
    public var initFile: FilePath
    public var paths: BuildPaths
    /// The machine's cache folder: all that may be written.
    public var machineCache: FilePath
    /// The group's, then the machine's.
    public var generators: [GeneratorRun]
    public var files: [GeneratedFile]
    public var setuidWhitelist: [FilePath]?
    public var setgidWhitelist: [FilePath]?
    public var bash: Tool
    public var sourceDateEpoch: Int

    public init(
        root: LayeredRoot, machineName: String, devices: [Device], initFile: FilePath, paths: BuildPaths,
        machineCache: FilePath,
        generators: [GeneratorRun], files: [GeneratedFile], setuidWhitelist: [FilePath]?, setgidWhitelist: [FilePath]?,
        bash: Tool,
        sourceDateEpoch: Int
    ) {
        self.root = root
        self.machineName = machineName
        self.devices = devices
        self.initFile = initFile
        self.paths = paths
        self.machineCache = machineCache
        self.generators = generators
        self.files = files
        self.setuidWhitelist = setuidWhitelist
        self.setgidWhitelist = setgidWhitelist
        self.bash = bash
        self.sourceDateEpoch = sourceDateEpoch
    }

    public var isolation: Isolation {
        Isolation(
            writablePaths: [machineCache],
            readablePaths: [paths.configPath, paths.functionsPath, paths.pathsPath, initFile]
                + generators.flatMap { $0.scriptlets + $0.layers.map(\.path) },
            hostname: machineName)
    }

    /// - Throws: `WorkerFailure` of kind `devices`, `scriptlet` or `overlay`, each with all of its kind.
    public func run(reporting: WorkerReporter) throws -> ComposeOutcome {
        try layOverConfiguration()
        try root.mount(readOnly: false)
        let initBytes = try readBytes(initFile)
        try Root.inside(root.mountPoint) {
            try makeDevices()
            unlink("/init")
            try Root.write(String(decoding: initBytes, as: UTF8.self), to: "/init", mode: 0o755, epoch: sourceDateEpoch)
        }
        for generator in generators { try run(generator, reporting) }
        let overlaid = try copyLayers(generators.flatMap(layers), into: root.mountPoint, epoch: sourceDateEpoch)
        let stripped = try Root.inside(root.mountPoint) {
            for file in files { try place(file) }
            return stripSetIDBits()
        }
        return ComposeOutcome(overlaidPaths: Set(overlaid).sorted { $0.string < $1.string }, strippedPaths: stripped)
    }

    /// Scriptlets may write into the tree's root-overlays; they write into this throw-away layer, and the tree stays as Git has it.
    private func layOverConfiguration() throws {
        let scratch = machineCache.appending("minimal-appliance").appending("configuration-changes")
        let (changes, work) = (scratch.appending("changes"), scratch.appending("work"))
        try createDirectories(changes)
        try createDirectories(work)
        // The cache may lie in the tree, as it does by default: it is kept in sight beside the layer and put back on top of it.
        let cacheIsInTree = machineCache.starts(with: paths.configPath)
        let aside: FilePath = "/run/discographer-cache"
        if cacheIsInTree {
            try createDirectories(aside)
            try bindMount(machineCache, at: aside, recursive: true)
        }
        try mount(
            "overlay", at: paths.configPath, type: "overlay",
            options: "lowerdir=\(paths.configPath),upperdir=\(changes),workdir=\(work)")
        if cacheIsInTree { try bindMount(aside, at: machineCache, recursive: true) }
    }

    private func makeDevices() throws {
        var problems: [String] = []
        for device in devices {
            do {
                try createDirectories(device.path.removingLastComponent())
                if let mode = Root.mode(device.path, followingLinks: false) {
                    guard [S_IFBLK, S_IFCHR, S_IFIFO].contains(mode & S_IFMT) else {
                        problems.append("\(device.location): error: \(device.path) of the root is no device already")
                        continue
                    }
                    unlink(device.path.string)
                }
                let permissions = mode_t(device.permissions)
                let made =
                    switch device.kind {
                    case .fifo: mkfifo(device.path.string, permissions)
                    case .block(let major, let minor):
                        mknod(device.path.string, S_IFBLK | permissions, dev_t(makeDevice(major, minor)))
                    case .character(let major, let minor):
                        mknod(device.path.string, S_IFCHR | permissions, dev_t(makeDevice(major, minor)))
                    }
                guard made == 0, chmod(device.path.string, permissions) == 0 else { throw Errno(rawValue: errno) }
                Root.setTimes(device.path, epoch: sourceDateEpoch)
            } catch {
                problems.append("\(device.location): error: \(device.path) cannot be made: \(error)")
            }
        }
        guard problems.isEmpty else { throw WorkerFailure(kind: "devices", message: problems.joined(separator: "\n")) }
    }

    /// Sources functions and scriptlets; the first command that fails ends the run with its place. Old trees rely on plain sourcing,
    /// so neither unset variables nor pipes are made stricter than bash has them.
    private static let driver = """
        set -o errtrace
        trap 'status=$?; echo "${BASH_SOURCE[0]}:${LINENO}: error: \\"$BASH_COMMAND\\" failed with status $status" >&2; exit $status' ERR
        shopt -s nullglob
        for file in "$functionsPath"/*.functions; do source "$file"; done
        shopt -u nullglob
        for file in "$@"; do source "$file"; done
        """

    private func run(_ generator: GeneratorRun, _ reporting: WorkerReporter) throws {
        try createDirectories(generator.generatedOverlays)
        guard !generator.scriptlets.isEmpty else { return }
        var environment = minimalEnvironment
        environment["HOME"] = root.mountPoint.removingLastComponent().string
        environment.merge(generator.variables) { _, new in new }
        do {
            let output = try bash.runBlocking(
                ["--noprofile", "--norc", "-c", Self.driver, "generator-scriptlets"]
                    + generator.scriptlets.map(\.string), environment: environment,
                workingDirectory: machineCache)
            if !output.isEmpty { reporting(.output(source: "generator-scriptlets", text: output)) }
        } catch HostSystemError.toolFailed(_, let status, let ending) {
            throw WorkerFailure(kind: "scriptlet", message: "a generator scriptlet failed (\(status)):\n\(ending)")
        }
    }

    /// The layers of the tree, with what scriptlets added, then the generated ones.
    private func layers(_ generator: GeneratorRun) throws -> [OverlayLayer] {
        var layers = generator.layers
        for folder in [generator.overlays, generator.generatedOverlays] {
            let known = Set(layers.map(\.name))
            for name in try folderNames(in: folder) where folder == generator.generatedOverlays || !known.contains(name) {
                layers.append(OverlayLayer(name: name, path: folder.appending(name)))
            }
        }
        return layers
    }

    private func folderNames(in folder: FilePath) throws -> [String] {
        guard let stream = opendir(folder.string) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix("."), let mode = Root.mode(folder.appending(name), followingLinks: true),
                mode & S_IFMT == S_IFDIR
            {
                names.append(name)
            }
        }
        return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }

    private func place(_ file: GeneratedFile) throws {
        if !file.replaces, Root.mode(file.path, followingLinks: false) != nil {
            var status = stat()
            if stat(file.path.string, &status) != 0 || status.st_size > 0 { return }
        }
        try Root.write(file.text, to: file.path, mode: mode_t(file.mode), epoch: sourceDateEpoch)
    }

    /// When a list exists, every file that is not on it loses the bit.
    private func stripSetIDBits() -> [FilePath] {
        var stripped: [FilePath] = []
        guard setuidWhitelist != nil || setgidWhitelist != nil else { return [] }
        var waiting: [FilePath] = ["/"]
        while let folder = waiting.popLast() {
            guard let stream = opendir(folder.string) else { continue }
            defer { closedir(stream) }
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                guard name != ".", name != "..", case let path = folder.appending(name),
                    let mode = Root.mode(path, followingLinks: false)
                else { continue }
                if mode & S_IFMT == S_IFDIR { waiting.append(path) }
                guard mode & S_IFMT == S_IFREG else { continue }
                var kept = mode
                if let list = setuidWhitelist, !list.contains(path) { kept &= ~S_ISUID }
                if let list = setgidWhitelist, !list.contains(path) { kept &= ~S_ISGID }
                if kept != mode, chmod(path.string, kept & 0o7777) == 0 { stripped.append(path) }
            }
        }
        return stripped.sorted { $0.string < $1.string }
    }
}
