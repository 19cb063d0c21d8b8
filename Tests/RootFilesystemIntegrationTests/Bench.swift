// A small machine for tests: a tree, a root made by hand, and the worker that composes them. coreutils, getcap and similar programs check the result, which they
// see as disk writers do: through a read-only overlayfs in a namespace of their own.
import BuildStore
import ConfigurationTree
import Foundation
import HostSystem
import RootFilesystem
import Synchronization
import SystemPackage
import Testing

struct Bench: Sendable {
    static let isAsked = ProcessInfo.processInfo.environment["DISCOGRAPHER_INTEGRATION"] == "1" && geteuid() == 0

    /// The messages of the worker.
    final class Sayings: Sendable {
        private let events = Mutex<[WorkerEvent]>([])

        func add(_ event: WorkerEvent) { events.withLock { $0.append(event) } }

        var warnings: [String] {
            events.withLock { $0.compactMap { if case .warning(let warning) = $0 { warning.text } else { nil } } }
        }

        func output(of suffix: String) -> String? {
            events.withLock {
                for case .output(let source, let text) in $0 where source.hasSuffix(suffix) { return text }
                return nil
            }
        }
    }

    static let epoch = 1_500_000_000
    static let bash = Tool(name: "bash", path: "/bin/bash", package: "bash")

    let folder: FilePath
    let paths: BuildPaths
    let sayings = Sayings()

    var tree: FilePath { paths.configPath }
    var machineCache: FilePath { paths.cachePath.appending("demo").appending("one") }
    var installed: FilePath { machineCache.pushing("minimal-appliance/installed/root") }
    var changes: FilePath { machineCache.pushing("minimal-appliance/composed/changes") }

    /// A usr-merged root with a few files of packages, as in a distribution.
    private static let packages = #"""
        mkdir -p "$installed"/{usr/bin,usr/sbin,usr/lib,etc/ssh,dev,proc,sys,tmp,var/lib/dbus,var/lib/systemd,var/cache/ldconfig,var/local,var/log,boot}
        cd "$installed"
        ln -s usr/bin bin; ln -s /usr/sbin sbin
        chmod 0555 .; chmod 0755 etc
        printf 'root:x:0:0::/root:/bin/bash\nwww-data:x:4711:4712::/:/bin/false\n' > etc/passwd
        printf 'root:x:0:\nwww-data:x:4712:\nadm:x:4:\n' > etc/group
        printf 'root:*:1::::::\nwww-data:*:1::::::\n' > etc/shadow; chmod 640 etc/shadow; chgrp 42 etc/shadow
        echo package > etc/motd
        echo package > usr/bin/tool; chmod 755 usr/bin/tool
        for name in su passwd wall both; do echo "$name" > "usr/bin/$name"; done
        chmod 4755 usr/bin/su usr/bin/passwd; chmod 2755 usr/bin/wall; chmod 6755 usr/bin/both
        chown 0:50 var/local; chmod 2775 var/local
        find . -exec touch --no-dereference --date=@1400000000 {} +
        """#

    private static let machine = #"""
        machine="$tree/demo/machines/one"
        mkdir -p "$machine"/{yum/repositories,generator-scriptlets,root-underlays,root-overlays} "$tree/demo"/{generator-scriptlets,root-underlays,root-overlays} "$functions"
        echo bash > "$machine/packages"; : > "$machine/devices"
        echo '[main]' > "$machine/yum/yum.conf.template"
        printf '[r]\nname=r\nbaseurl=file:///\n' > "$machine/yum/repositories/r.repo"
        cp /bin/true "$machine/init"; chmod 0700 "$machine/init"
        """#

    /// Sets up a machine, runs `script` to change it, calls `body`, and removes everything. The script has the variables `tree`, `machine`, `group`,
    /// `installed`, `folder` and `functions`.
    static func with(
        _ script: String = "", name: String = "tree", cache: String = "cache",
        _ body: (Bench) async throws -> Void
    ) async throws {
        let folder = FilePath("/var/tmp/discographer-root-test-\(UUID().uuidString)")
        let bench = Bench(
            folder: folder,
            paths: BuildPaths(
                configPath: folder.appending(name), cachePath: folder.pushing(FilePath(cache)),
                functionsPath: folder.appending("functions"), pathsPath: folder.appending("paths")))
        let result: Result<Void, any Error>
        do {
            try await bench.shell("mkdir -p \"$folder\"; umask 022\n\(packages)\n\(Self.machine)\n\(script)")
            result = .success(try await body(bench))
        } catch { result = .failure(error) }
        try await bench.shell("cd /; rm -rf --one-file-system \"$folder\"")
        try result.get()
    }

    private init(folder: FilePath, paths: BuildPaths) {
        self.folder = folder
        self.paths = paths
    }

    @discardableResult
    func shell(_ script: String) async throws -> String {
        var environment = minimalEnvironment
        environment["folder"] = folder.string
        environment["tree"] = tree.string
        environment["group"] = tree.appending("demo").string
        environment["machine"] = tree.pushing("demo/machines/one").string
        environment["installed"] = installed.string
        environment["functions"] = paths.functionsPath.string
        environment["cache"] = machineCache.string
        environment["changes"] = changes.string
        return try await Self.bash.run(["-euc", script], environment: environment)
    }

    /// The output of a script that sees the composed root as `root`.
    func look(_ script: String) async throws -> [String] {
        let output = try await shell(
            """
            mkdir -p "$folder/look"
            export root="$folder/look"
            unshare --mount bash -euc 'mount -t overlay overlay -o "ro,lowerdir=$changes:$installed" "$root"; cd "$root"; \
            \(script.replacing("'", with: "'\\''"))'
            """)
        return output.split(separator: "\n").map(String.init)
    }

    static let machineID = "0123456789abcdef0123456789abcdef"
    static let rootUUID = "01234567-89ab-5def-8123-456789abcdef"

    static let worker: Worker = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        var folder = FilePath(bundle).removingLastComponent()
        while !isExecutable(folder.appending("discographer-worker")), folder.removeLastComponent() {}
        return Worker(program: folder.appending("discographer-worker"))
    }()

    /// Reads the tree, as the pipeline does, and composes the machine.
    @discardableResult
    func compose(
        files: [GeneratedFile] = [], constantPlaces: [FilePath] = [], setuid: [FilePath]? = nil, setgid: [FilePath]? = nil
    ) async throws -> ComposeOutcome {
        let tree = ConfigurationTree(at: tree)
        try #require(!tree.hasErrors, "\(tree.diagnostics)")
        let group = try #require(tree.groups.first)
        let machine = try #require(group.machines.first)
        let groupPath = self.tree.appending("demo")
        try await shell(
            "rm -rf --one-file-system \"$cache/minimal-appliance/\"{composed,configuration-changes,generated-root-overlays,generated-group-root-overlays}"
        )
        let scratch = machineCache.pushing("minimal-appliance/configuration-changes")
        let generated = [paths.generatedGroupOverlays(machine), paths.generatedOverlays(machine)]
        for folder in generated + [scratch, paths.installRoot(machine), changes] { try createDirectories(folder) }
        let shown = try FileManager.default.contentsOfDirectory(atPath: groupPath.string).filter { $0 != "machines" }.map { groupPath.appending($0) }
        let view = try TreeView(of: self.tree, showing: shown + [groupPath.pushing("machines/one")], digests: InputDigests(remembering: nil))
        let job = ComposeJob(
            root: LayeredRoot(
                layers: [installed], changes: changes, work: machineCache.pushing("minimal-appliance/composed/work"),
                mountPoint: paths.installRoot(machine)),
            hostName: "one", devices: group.devices + machine.devices, initFile: machine.initFile, configPath: paths.configPath,
            functionsPath: paths.functionsPath, visiblePaths: view.visible, scratch: scratch,
            generators: [
                GeneratorRun(
                    scriptlets: group.generatorScriptlets,
                    variables: paths.groupVariables(group, for: machine, sourceDateEpoch: Self.epoch),
                    generatedOverlays: paths.generatedGroupOverlays(machine),
                    overlays: groupPath.appending("root-overlays"), layers: group.rootOverlays),
                GeneratorRun(
                    scriptlets: machine.generatorScriptlets,
                    variables: paths.machineVariables(machine, in: group, sourceDateEpoch: Self.epoch),
                    generatedOverlays: paths.generatedOverlays(machine),
                    overlays: groupPath.pushing("machines/one/root-overlays"), layers: machine.rootOverlays),
            ], files: files,
            constants: MachineConstants(machineID: Self.machineID, rootUUID: Self.rootUUID, kernelCommandLine: "root=UUID=\(Self.rootUUID) ro quiet"),
            constantPlaces: constantPlaces, setuidWhitelist: setuid, setgidWhitelist: setgid, mountPoints: ["/", "/var/missing"],
            setsContexts: true, bash: Self.bash,
            sourceDateEpoch: Self.epoch)
        return try await Self.worker.run(job, onEvent: { [sayings] in sayings.add($0) })
    }

    /// The failure of composing.
    func failure() async throws -> WorkerFailure {
        do {
            try await compose()
        } catch let failure as WorkerFailure {
            return failure
        }
        Issue.record("nothing failed")
        return WorkerFailure(kind: "", message: "")
    }
}
