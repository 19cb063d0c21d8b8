import Appliances
import BuildStore
import ConfigurationTree
import DiskImages
import Foundation
import HostSystem
import PackageInstallation
import PackageResolution
import RootFilesystem
import SystemPackage

/// One machine on its way from a transaction to its artefacts. Reads like the pipeline: each stage has an identity made of
/// all its inputs, and does not run when the cache has that identity's result.
struct MachineBuild: Sendable {
    let group: MachineGroup
    let machine: Machine
    let configuration: YumConfiguration
    let options: BuildOptions
    let listener: @Sendable (BuildEvent) -> Void
    private var transaction = Transaction(packages: [])

    init(
        group: MachineGroup, machine: Machine, configuration: YumConfiguration, options: BuildOptions,
        listener: @escaping @Sendable (BuildEvent) -> Void
    ) {
        self.group = group
        self.machine = machine
        self.configuration = configuration
        self.options = options
        self.listener = listener
    }

    func with(_ transaction: Transaction) -> MachineBuild {
        var copy = self
        copy.transaction = transaction
        return copy
    }

    var name: String { "\(group.name)/\(machine.name)" }

    private var cacheFolder: FilePath { options.paths.machineCache(machine) }
    private var epoch: Int { options.sourceDateEpoch }
    private var outputs: [OutputFormat] { options.outputs ?? machine.description.outputs }
    private var yumCache: FilePath { cacheFolder.appending("yum") }
    private var linkedPackages: FilePath { yumCache.appending("packages") }
    var logFile: FilePath { yumCache.appending("log").appending("build.log") }

    /// What keeps a machine from being built, as far as its description tells.
    static func problems(of machine: Machine) -> [Diagnostic] {
        let file = machine.path.appending("machine.yaml")
        let location = SourceLocation(file: exists(file) ? file : machine.path)
        var problems: [Diagnostic] = []
        do { _ = try DiskPlan(machine.description, group: machine.groupName, machine: machine.name) } catch {
            problems += "\(error)".split(separator: "\n").map { Diagnostic(.error, at: location, String($0)) }
        }
        for hypervisor in machine.description.hypervisors {
            problems.append(
                Diagnostic(
                    .error, at: location, "files for the hypervisor '\(hypervisor.rawValue)' cannot be made here",
                    hint: "'outputs: [ovf]' serves VirtualBox and VMware"))
        }
        return problems
    }

    /// Builds the machine; `false` when it failed, which was then told to the listener.
    ///
    /// - Throws: `CancellationError` alone.
    func run() async throws -> Bool {
        let begin = ContinuousClock.now
        let progress = StageProgress(listener: listener, machine: name)
        do {
            try createDirectories(options.paths.minimalAppliance(machine))
            try createDirectories(yumCache.appending("log"))
            let lockFile = cacheFolder.appending("lock")
            let lock = try await offPool { [listener, name] in
                try FileLock(lockFile) {
                    listener(.warning(machine: name, "another build or a shell of this machine is running; waiting for it"))
                }
            }
            defer { withExtendedLifetime(lock) {} }
            let artefacts = try await build(progress)
            // dnf.conf(5), keepcache: what an earlier build kept stays until there is a good one, be it all from the cache.
            if !configuration.keepsPackages { try await fetcher.link([], into: linkedPackages) }
            listener(.finished(machine: name, artefacts: artefacts, seconds: begin.duration(to: .now).inSeconds))
            return true
        } catch {
            if Task.isCancelled || error is CancellationError { throw CancellationError() }
            let failure = BuildFailure(
                machine: name, stage: progress.current, cause: fetcher.naming(keysOf: configuration.repositories, in: "\(error)"),
                log: logFile, keptRoot: keptRoot?.place)
            progress.log("\(failure)")
            listener(.failed(machine: name, failure))
            return false
        }
    }

    private func build(_ progress: StageProgress) async throws -> [Artefact] {
        progress.openLog(logFile)
        try writeAtomically(configuration.renderedText.utf8, to: yumCache.appending("yum.conf"))
        try writeAtomically(try prettyJSON(transaction), to: yumCache.appending("transaction.json"))
        var cache = try StageCache(folder: options.paths.minimalAppliance(machine), tools: options.tools)
        cache.keepsFailures = options.keepsFailedRoots
        // Of a build that is over.
        try await cache.removeFailures()
        let plan = try DiskPlan(machine.description, group: group.name, machine: machine.name)
        let keys = try await fetcher.keys(
            of: configuration.repositories, all: configuration.localPackagesAreChecked)
        let identities = try Identities(build: self, transaction: transaction, keys: keys, plan: plan)

        let results: [Stage: FilePath] = [
            .install: cache.place("installed", identities.installed), .compose: cache.place("composed", identities.composed),
            .disks: cache.place("disks", identities.disks),
        ]
        if let finished = cachedArtefacts(identities.artefacts) {
            for stage in Stage.allCases where stage != .resolve { progress.cached(stage, result: results[stage]) }
            return finished
        }
        let disksAreCached = cache.outcome("disks", identities.disks, as: [FilePath].self) != nil
        let composedIsCached = cache.outcome("composed", identities.composed, as: ComposeOutcome.self) != nil
        let installedIsCached = cache.outcome("installed", identities.installed, as: InstallOutcome.self) != nil

        if installedIsCached {
            progress.cached(.fetch)
            progress.cached(.install, result: results[.install])
        } else {
            let local = try await fetch(progress)
            try await install(cache, identities.installed, local, keys, progress)
        }
        let installed = cache.place("installed", identities.installed).appending("root")

        if composedIsCached {
            progress.cached(.compose, result: results[.compose])
        } else {
            try await compose(cache, identities.composed, installed, plan, progress)
        }
        let composed = cache.place("composed", identities.composed)

        if disksAreCached {
            progress.cached(.disks, result: results[.disks])
        } else {
            try await writeDisks(cache, identities.disks, layeredRoot(installed, composed), plan, progress)
        }
        let raws = plan.disks.map { cache.place("disks", identities.disks).appending("\($0.name).raw") }
        return try await progress.run(.convert) {
            try await ArtefactFolder(machine: machine, outputs: outputs, plan: plan, options: options, cache: cache)
                .make(raws: raws, identity: identities.artefacts, at: options.paths.artefacts(machine))
        }
    }

    private var fetcher: PackageFetcher {
        PackageFetcher(cachePath: options.paths.cachePath, access: options.repositoryAccess)
    }

    private var keptRoot: MachineRoot? {
        MachineRoot.kept(for: machine, paths: options.paths, tools: options.tools)
    }

    private func cachedArtefacts(_ identity: Identity) -> [Artefact]? {
        guard let manifest = ArtefactManifest(in: options.paths.artefacts(machine)), manifest.identity == identity,
            manifest.artefacts.allSatisfy({ exists($0.path) })
        else { return nil }
        return manifest.artefacts
    }

    private func fetch(_ progress: StageProgress) async throws -> [FilePath: LocalPackage] {
        try await progress.run(.fetch) {
            var local: [FilePath: LocalPackage] = [:]
            if options.locked {
                let resolver = PackageResolver(cachePath: options.paths.cachePath, access: options.repositoryAccess)
                try await LockedPackages(fetcher: fetcher, resolver: resolver).fetch(
                    transaction.packages, configuration, architecture: machine.description.hardware.architecture
                ) { progress.report(.fetch, $0) }
            } else {
                local = try await fetcher.fetch(transaction.packages, from: configuration.repositories, inPlace: true) {
                    progress.report(.fetch, $0)
                }
            }
            if configuration.keepsPackages { try await fetcher.link(transaction.packages, local: local, into: linkedPackages) }
            return local
        }
    }

    private func install(
        _ cache: StageCache, _ identity: Identity, _ local: [FilePath: LocalPackage], _ keys: [FilePath],
        _ progress: StageProgress
    ) async throws {
        let signed = Set(configuration.repositories.filter(\.gpgcheck).map(\.id))
        let packages = transaction.packages(inOrderOf: configuration.repositories).map { package in
            let path = fetcher.path(of: package)
            return PackageFile(
                path: local[path]?.path ?? path, nevra: package.nevra,
                isSigned: package.checksum == nil
                    ? configuration.localPackagesAreChecked : signed.contains(package.repository),
                isNamedByMetadata: package.checksum != nil,
                identity: package.checksum == nil ? FileIdentity(path) : local[path]?.identity)
        }
        let used = Set(transaction.packages.map(\.repository))
        let asked = configuration.repositories.filter { $0.gpgcheck && used.contains($0.id) }
        let underlays = group.rootUnderlays + machine.rootUnderlays
        try await progress.run(.install) {
            _ = try await cache.make("installed", identity) { folder in
                progress.keepLog(in: folder)
                let root = folder.appending("root")
                try createRootFolder(root)
                if !underlays.isEmpty {
                    _ = try await options.worker.run(
                        UnderlayJob(installRoot: root, layers: underlays, sourceDateEpoch: epoch))
                }
                var job = InstallJob(
                    installRoot: root, packages: packages, keys: keys, machineName: machine.name,
                    sourceDateEpoch: epoch, toleratedScriptlets: machine.description.toleratedScriptlets)
                job.recordedKeys = try await fetcher.keys(of: asked)
                job.transactionFlags = configuration.transactionFlags
                job.languages = configuration.languages
                job.excludedPaths = machine.description.excludedPaths
                job.scriptletLimits.seconds = machine.description.scriptletTimeLimit
                let outcome = try await options.worker.install(
                    job, onEvent: { progress.take($0, .install) }, onLog: { progress.log($0) })
                for text in outcome.tolerated(machine.description.toleratedScriptlets) { progress.take(.warning(text), .install) }
                return outcome
            }
        }
    }

    private func layeredRoot(_ installed: FilePath, _ composed: FilePath) -> LayeredRoot {
        LayeredRoot(
            installed: installed, changes: composed.appending("changes"), work: composed.appending("work"),
            mountPoint: options.paths.installRoot(machine))
    }

    private func compose(
        _ cache: StageCache, _ identity: Identity, _ installed: FilePath, _ plan: DiskPlan, _ progress: StageProgress
    ) async throws {
        let bash = try options.tools.tool("bash")
        let rm = try options.tools.tool("rm")
        try await progress.run(.compose) {
            let files = try generatedFiles(installed, plan)
            _ = try await cache.make("composed", identity) { folder in
                progress.keepLog(in: folder)
                let scratch = options.paths.minimalAppliance(machine).appending("configuration-changes")
                let generated = [
                    options.paths.generatedGroupOverlays(machine), options.paths.generatedOverlays(machine),
                ]
                try await rm.run(["-rf", "--one-file-system", scratch.string] + generated.map(\.string))
                let job = ComposeJob(
                    root: layeredRoot(installed, folder), machineName: machine.name,
                    devices: group.devices + machine.devices, initFile: machine.initFile,
                    paths: options.paths, machineCache: cacheFolder, generators: generators, files: files,
                    setuidWhitelist: Self.union(group.setuidWhitelist, machine.setuidWhitelist),
                    setgidWhitelist: Self.union(group.setgidWhitelist, machine.setgidWhitelist),
                    mountPoints: plan.fileSystems.compactMap { $0.mountPoint.map { FilePath($0) } },
                    setsContexts: !configuration.transactionFlags.contains(.nocontexts), bash: bash,
                    sourceDateEpoch: epoch)
                let outcome = try await options.worker.run(
                    job, onEvent: { progress.take($0, .compose) }, onLog: { progress.log($0) })
                try await rm.run(["-rf", "--one-file-system", scratch.string, folder.appending("work").string])
                return outcome
            }
        }
    }

    private static func union(_ first: [FilePath]?, _ second: [FilePath]?) -> [FilePath]? {
        first == nil && second == nil ? nil : (first ?? []) + (second ?? [])
    }

    private var generators: [GeneratorRun] {
        let groupPath = options.paths.configPath.appending(group.name)
        return [
            GeneratorRun(
                scriptlets: group.generatorScriptlets,
                variables: options.paths.groupVariables(group, for: machine, sourceDateEpoch: epoch),
                generatedOverlays: options.paths.generatedGroupOverlays(machine),
                overlays: groupPath.appending("root-overlays"), layers: group.rootOverlays),
            GeneratorRun(
                scriptlets: machine.generatorScriptlets,
                variables: options.paths.machineVariables(machine, in: group, sourceDateEpoch: epoch),
                generatedOverlays: options.paths.generatedOverlays(machine),
                overlays: groupPath.appending("machines").appending(machine.name).appending("root-overlays"),
                layers: machine.rootOverlays),
        ]
    }

    /// What every machine gets that nobody writes by hand.
    private func generatedFiles(_ installed: FilePath, _ plan: DiskPlan) throws -> [GeneratedFile] {
        var files = [
            GeneratedFile(path: "/etc/fstab", text: plan.fstab, replaces: false),
            GeneratedFile(path: "/etc/hostname", text: machine.name + "\n", replaces: false),
            GeneratedFile(
                path: "/etc/machine-id", text: StableNames(group: group.name, machine: machine.name).machineID + "\n",
                mode: 0o444, replaces: false),
        ]
        let devices = (group.devices + machine.devices).filter { $0.path.starts(with: "/dev") }
        if !devices.isEmpty {
            files.append(
                GeneratedFile(path: "/etc/tmpfiles.d/discographer-devices.conf", text: devices.map(\.temporaryFilesLine).joined(), replaces: true))
        }
        guard machine.description.boot.loader == .grub, let root = plan.root else { return files }
        let kernels = KernelFinder.kernels(in: installed)
        guard !kernels.isEmpty else {
            throw BuildProblem(
                "no kernel in /boot of the installed packages; a kernel in \(machine.packagesFile), or 'boot: {loader: none}' in machine.yaml would be right"
            )
        }
        let boot = BootConfiguration(
            kernels: kernels.map { Kernel(release: $0.release, image: $0.image, initramfs: $0.initramfs) },
            settings: machine.description.boot,
            rootUUID: root.uuid, separatesBoot: plan.boot != plan.root, title: name)
        files.append(GeneratedFile(path: "/boot/grub/grub.cfg", text: boot.grubConfiguration, replaces: true))
        return files
    }

    private func writeDisks(
        _ cache: StageCache, _ identity: Identity, _ root: LayeredRoot, _ plan: DiskPlan, _ progress: StageProgress
    ) async throws {
        let tools = try DiskTools(options.tools)
        var usesKVM = false
        if options.diskWriter == .guestfs { usesKVM = await KVMProbe.works(tools: options.tools, scratch: cacheFolder) }
        let installsGRUB = machine.description.boot.loader == .grub
        try await progress.run(.disks) {
            _ = try await cache.make("disks", identity) { folder in
                progress.keepLog(in: folder)
                let job = WriteDisksJob(
                    plan: plan, root: root, machineCache: cacheFolder, output: folder, writer: options.diskWriter,
                    usesKVM: usesKVM,
                    installsGRUB: installsGRUB, tools: tools, sourceDateEpoch: epoch)
                let images = try await options.worker.run(
                    job, onEvent: { progress.take($0, .disks) }, onLog: { progress.log($0) })
                try await options.tools.tool("rm").run(["-rf", "--one-file-system", folder.appending("scratch").string])
                return images
            }
        }
    }
}

extension Device {
    /// tmpfiles.d(5). The running machine mounts its kernel's devtmpfs over the root's /dev; systemd makes the configured nodes there too.
    fileprivate var temporaryFilesLine: String {
        let mode = "0" + String(permissions, radix: 8)
        switch kind {
        case .block(let major, let minor): return "b \(path) \(mode) root root - \(major):\(minor)\n"
        case .character(let major, let minor): return "c \(path) \(mode) root root - \(major):\(minor)\n"
        case .fifo: return "p \(path) \(mode) root root - -\n"
        }
    }
}

/// A reason for which a machine cannot be built, in words.
struct BuildProblem: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

func prettyJSON(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value) + Data("\n".utf8)
}
