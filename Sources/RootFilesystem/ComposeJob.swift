public import ConfigurationTree
import Glibc
public import HostSystem
public import SystemPackage

/// A file whose text the pipeline makes: fstab, the boot loader's configuration, the host's name.
public struct GeneratedFile: Hashable, Codable, Sendable {
    public var path: FilePath
    public var text: String
    public var mode: UInt16
    /// `false`: one that an overlay brought is kept; a package's never is.
    public var replaces: Bool

    public init(path: FilePath, text: String, mode: UInt16 = 0o644, replaces: Bool) {
        self.path = path
        self.text = text
        self.mode = mode
        self.replaces = replaces
    }
}

/// What was done to the installed packages' root. All paths are the root's, sorted, without symlinks on the way.
public struct ComposeOutcome: Hashable, Codable, Sendable {
    /// What overlays put into the root: what `rpm -Va` may complain about.
    public var overlaidPaths: [FilePath]
    /// Files that lost the setuid or setgid bit.
    public var strippedPaths: [FilePath]
    /// The pipeline's files that were written; the others are an overlay's.
    public var generatedPaths: [FilePath]
    /// Layers that were applied, in their order: the folders' paths.
    public var layers: [FilePath]
    /// How many devices were made.
    public var deviceCount: Int
    /// Newest first.
    public var kernels: [FoundKernel]
}

/// Everything between the installed packages and the disks: devices, /init, generator scriptlets, overlays, and the last touches.
///
/// The result is the layered root's `changes` folder; the installed packages stay as they are. After a failure it is of no use.
public struct ComposeJob: WorkerJob {
    public typealias Outcome = ComposeOutcome

    public static let name = "compose"

    public var root: LayeredRoot
    public var hostName: String
    /// The group's, then the machine's.
    public var devices: [Device]
    public var initFile: FilePath
    public var configPath: FilePath
    public var functionsPath: FilePath
    /// What generator scriptlets see of `configPath`.
    public var visiblePaths: [FilePath]
    /// An existing folder for what is thrown away.
    public var scratch: FilePath
    /// The group's, then the machine's. Both run in this machine's build and see this machine's root: machines are built side by side, and
    /// nothing that a group's scriptlet generates for one is seen by another.
    public var generators: [GeneratorRun]
    public var files: [GeneratedFile]
    /// What takes the place of the constants that packages' scriptlets saw, and where these are in the installed root.
    public var constants: MachineConstants
    public var constantPlaces: [FilePath]
    public var setuidWhitelist: [FilePath]?
    public var setgidWhitelist: [FilePath]?
    /// Where file systems will be mounted.
    public var mountPoints: [FilePath]
    /// Whether files get the contexts of the root's SELinux policy, if it has one.
    public var setsContexts: Bool
    public var bash: Tool
    /// Seconds since 1970: the time of everything that is put into the root.
    public var sourceDateEpoch: Int

    public init(
        root: LayeredRoot, hostName: String, devices: [Device], initFile: FilePath, configPath: FilePath, functionsPath: FilePath,
        visiblePaths: [FilePath], scratch: FilePath, generators: [GeneratorRun], files: [GeneratedFile], constants: MachineConstants,
        constantPlaces: [FilePath], setuidWhitelist: [FilePath]?, setgidWhitelist: [FilePath]?, mountPoints: [FilePath], setsContexts: Bool,
        bash: Tool, sourceDateEpoch: Int
    ) {
        self.root = root
        self.hostName = hostName
        self.devices = devices
        self.initFile = initFile
        self.configPath = configPath
        self.functionsPath = functionsPath
        self.visiblePaths = visiblePaths
        self.scratch = scratch
        self.generators = generators
        self.files = files
        self.constants = constants
        self.constantPlaces = constantPlaces
        self.setuidWhitelist = setuidWhitelist
        self.setgidWhitelist = setgidWhitelist
        self.mountPoints = mountPoints
        self.setsContexts = setsContexts
        self.bash = bash
        self.sourceDateEpoch = sourceDateEpoch
    }

    /// The worker sees the machine's inputs and the host's programs. Of the host's /etc there is what programs need to be found: no users, no keys.
    public var isolation: Isolation {
        var isolation = Isolation(
            writablePaths: writablePaths,
            readablePaths: root.layers + [initFile, bash.path, "/etc/ld.so.cache", "/etc/alternatives"]
                + (hasScriptlets ? [configPath, functionsPath] + generators.flatMap { $0.scriptlets.map(Root.real) } : [])
                + generators.flatMap { $0.layers.map(\.path) },
            hostname: hostName)
        isolation.hidesHost = true
        return isolation
    }

    private var hasScriptlets: Bool { generators.contains { !$0.scriptlets.isEmpty } }

    private var writablePaths: [FilePath] {
        [root.changes.removingLastComponent(), root.mountPoint, scratch] + generators.map(\.generatedOverlays)
    }

    /// - Throws: `WorkerFailure` of kind `devices`, `init`, `scriptlet`, `overlay` or `finish`, each with all of its kind.
    public func run(reporting: WorkerReporter) throws -> ComposeOutcome {
        let initBytes = try readBytes(initFile)
        try furnishHost()
        try mountRoot()
        try Root.inside(root.mountPoint) {
            try constants.replace(in: constantPlaces, epoch: sourceDateEpoch)
            try DeviceNodes(devices: devices, epoch: sourceDateEpoch).make()
            try install(initBytes)
        }
        try runGenerators(reporting)
        let layers = try currentLayers()
        let overlaid = try copyLayers(layers, into: root.mountPoint, epoch: sourceDateEpoch)
        let applied = layers.map(\.layer.path)
        var outcome = ComposeOutcome(
            overlaidPaths: overlaid, strippedPaths: [], generatedPaths: [], layers: applied, deviceCount: devices.count, kernels: [])
        let finished = FinishedRoot(overlaid: Set(overlaid), epoch: sourceDateEpoch)
        try Root.inside(root.mountPoint) { try finish(finished, &outcome, reporting) }
        outcome.kernels = try KernelFinder.kernels(in: root.mountPoint)
        let changed = try changedPaths()
        try Root.inside(root.mountPoint) { finished.clampTimes(of: changed) }
        try label(reporting)
        return outcome
    }

    /// The root folder itself belongs to the changes too: it has to look like the packages'.
    private func mountRoot() throws {
        try createDirectories(root.changes)
        if let status = root.layers.last.flatMap({ Root.status($0, followingLinks: true) }) {
            try Root.check(root.changes.withPlatformString { chown($0, status.st_uid, status.st_gid) })
            try Root.check(root.changes.withPlatformString { chmod($0, status.st_mode & 0o7777) })
            Root.setTimes(root.changes, epoch: status.st_mtim.tv_sec)
        }
        try root.mount(readOnly: false)
    }

    /// The few files of a host that programs rest on, the same on every host.
    private func furnishHost() throws {
        try createDirectories("/etc")
        let files: [(FilePath, String)] = [
            ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
            ("/etc/group", "root:x:0:\nnogroup:x:65534:\n"), ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
            ("/etc/hosts", "127.0.0.1 localhost\n"),
        ]
        for (path, text) in files { try writeAtomically(text.utf8, to: path) }
        // Mounts of their own stay writable, with the job's folders where these are below them.
        for folder in ["/tmp", "/var/tmp"] as [FilePath] {
            try Root.check(chmod(folder.string, 0o1777))
            try bindMount(folder, at: folder, recursive: true)
        }
        try makeMountReadOnly("/")
    }

    private func install(_ initBytes: [UInt8]) throws {
        do {
            try Root.write(initBytes, to: "/init", mode: 0o755, epoch: sourceDateEpoch)
        } catch {
            throw WorkerFailure(kind: "init", message: "\(initFile): error: cannot become /init: \(error)")
        }
    }

    private func runGenerators(_ reporting: WorkerReporter) throws {
        for generator in generators { try createDirectories(generator.generatedOverlays) }
        guard hasScriptlets else { return }
        try ConfigurationView(
            configPath: configPath, visible: visiblePaths, scratch: scratch.appending("configuration"), kept: writablePaths + [functionsPath]
        ).mount()
        // As root a scriptlet could write to the host's disks through these.
        try mountMinimalDevices(at: "/dev")
        // Before bash, which is started from threads that come into being then. What follows needs no more than scriptlets keep.
        try confine()
        let scriptlets = GeneratorScriptlets(bash: bash, functionsPath: functionsPath, scratch: scratch)
        for generator in generators where !generator.scriptlets.isEmpty {
            try scriptlets.run(generator, reporting: reporting)
        }
    }

    /// The group's before the machine's; of each, those of the tree, with what scriptlets put there, before the generated ones.
    private func currentLayers() throws -> [(layer: OverlayLayer, modes: LayerCopy.Modes)] {
        // A scriptlet of the machine may write into the group's folders too.
        guard hasScriptlets else { return generators.flatMap(\.layers).map { ($0, .git) } }
        var layers: [(layer: OverlayLayer, modes: LayerCopy.Modes)] = []
        var problems: [String] = []
        for generator in generators {
            // Git cannot hold more of a mode than the executable bit; a scriptlet's chmod is meant as it is.
            for (folder, modes) in [(generator.overlays, LayerCopy.Modes.git), (generator.generatedOverlays, .own)] {
                let read = ConfigurationTree.layers(in: folder)
                layers += read.layers.map { ($0, modes) }
                problems += read.diagnostics.filter { $0.severity == .error }.map(\.description)
            }
        }
        guard problems.isEmpty else { throw WorkerFailure(kind: "overlay", message: problems.joined(separator: "\n")) }
        return layers
    }

    private func finish(_ root: FinishedRoot, _ outcome: inout ComposeOutcome, _ reporting: WorkerReporter) throws {
        outcome.generatedPaths = try root.place(files)
        let (stripped, unknown) = try root.strip(setuidWhitelist: setuidWhitelist, setgidWhitelist: setgidWhitelist)
        outcome.strippedPaths = stripped
        for path in unknown { reporting.warn("a setuid or setgid whitelist has \(path), which the root does not have") }
        for path in root.sharedSecrets() {
            reporting.warn("an overlay or underlay brings \(path); every copy of this image has the same")
        }
    }

    /// Last: every file that is on the disks gets a context, whoever brought it.
    private func label(_ reporting: WorkerReporter) throws {
        guard setsContexts else { return reporting.log("SELinux: no contexts are set (tsflags=nocontexts)") }
        let policy: SecurityPolicy
        do { policy = try Root.inside(root.mountPoint) { try SecurityPolicy.read() } } catch let absence as SecurityPolicy.Absence {
            return reporting.log("SELinux: no contexts are set: \(absence)")
        }
        let folder = scratch.appending("policy")
        try createDirectories(folder)
        let contexts = try policy.contexts(of: try Root.inside(root.mountPoint) { try labelledFiles() }, scratch: folder)
        try contexts.write(to: root.contexts)
        reporting.log("SELinux: \(contexts.count) files get the contexts of the policy '\(policy.name)'")
    }

    /// Those of the root, with folders that mounts need, and those that mke2fs makes.
    private func labelledFiles() throws -> [(path: [UInt8], mode: mode_t, link: FileNumber?)] {
        var files: [[UInt8]: (mode: mode_t, link: FileNumber?)] = [:]
        for mountPoint in mountPoints {
            for path in sequence(first: mountPoint, next: { $0 == "/" ? nil : $0.removingLastComponent() })
                + [mountPoint.appending("lost+found")]
            { files[path.bytes] = (S_IFDIR, nil) }
        }
        files[FilePath("/").bytes] = (S_IFDIR, nil)
        try Root.walk("/") { path, status in
            let node = status.st_mode & S_IFMT == S_IFREG && status.st_size == 0 ? path.withPlatformString { nodeStoodFor(by: $0) } : nil
            let link = status.st_nlink > 1 && status.st_mode & S_IFMT != S_IFDIR
            files[path.bytes] = (
                node?.kind ?? status.st_mode, link ? FileNumber(device: status.st_dev, inode: status.st_ino) : nil
            )
        }
        return files.map { (path: $0.key, mode: $0.value.mode, link: $0.value.link) }
            .sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }

    /// Everything in overlayfs's upper folder, as paths of the root.
    private func changedPaths() throws -> [FilePath] {
        var changed: [FilePath] = ["/"]
        let depth = root.changes.components.count
        try Root.walk(root.changes) { path, _ in
            changed.append(FilePath(root: "/", path.components.dropFirst(depth)))
        }
        return changed
    }
}
