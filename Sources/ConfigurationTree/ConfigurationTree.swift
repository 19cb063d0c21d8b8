import Glibc
public import SystemPackage

/// The configuration tree as values, and everything that is wrong with it.
public struct ConfigurationTree: Sendable {
    /// Absolute, with symlinks resolved.
    public var path: FilePath
    /// What was selected; empty for all.
    public var selectors: [MachineSelector] = []
    /// Sorted by name, each with the selected machines.
    public var groups: [MachineGroup] = []
    /// Sorted by file and line.
    public var diagnostics: [Diagnostic] = []

    public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

    /// `lost+found` is e2fsck(8)'s, where the tree is the root of a file system.
    private static let reservedNames: Set<String> = ["templates", "cache", "functions", "paths", "lost+found"]
    /// Folders that the cache has beside the groups' (DESIGN section 4): a group of that name would write into them.
    private static let sharedStores: Set<String> = ["packages", "repositories", "stages", "digests"]

    /// Reads the tree and changes nothing.
    ///
    /// - Parameter selecting: the wanted groups and machines; none means all. Others are not read.
    public init(at configPath: FilePath, selecting selectors: [MachineSelector] = []) {
        self.selectors = selectors
        guard let resolved = realpath(configPath.string, nil) else {
            let error = Errno(rawValue: errno)
            path = configPath
            let reader = ConfigurationReader(root: configPath)
            if error == .noSuchFileOrDirectory || error == .notDirectory {
                reader.report(
                    .error, configPath, "the configuration tree does not exist", hint: "use --config-path to say where it is")
            } else {
                reader.reportUnreadable(configPath, error)
            }
            diagnostics = reader.diagnostics
            return
        }
        path = FilePath(String(cString: resolved))
        free(resolved)
        let reader = ConfigurationReader(root: path)
        let entries = reader.names(in: path).filter { !Self.reservedNames.contains($0) }
        var names: [String] = []
        // Entries of which it cannot be said whether they are groups. Skipping them could silently drop a group from a successful build, so they are reported.
        var unclear: Set<String> = []
        for name in entries {
            let entry = path.appending(name)
            let isWanted = selectors.isEmpty || selectors.contains { $0.group == name }
            switch reader.kind(entry) {
            case .folder:
                switch reader.presence(entry.appending("machines")) {
                case .there: names.append(name)
                case .absent: break
                case .unreadable(let error):
                    unclear.insert(name)
                    if isWanted {
                        reader.report(
                            .error, entry, "cannot be read: \(error)",
                            hint: "the build's user must be able to read every folder of the tree; a group may be in it")
                    }
                }
            case .absent, .unreadable:
                unclear.insert(name)
                if isWanted { _ = reader.folder(entry, required: true, what: "a machine group") }
            case .file where selectors.contains { $0.group == name } || reader.isLinkAsText(toGroup: entry):
                unclear.insert(name)
                if isWanted { _ = reader.folder(entry, required: true, what: "a machine group") }
            case .file, .other: break
            }
        }
        for selector in selectors where !names.contains(selector.group) && !unclear.contains(selector.group) {
            reader.report(
                .error, path.appending(selector.group), "not a machine group",
                hint: names.isEmpty
                    ? "expected a folder with machines/ in it; the tree has none"
                    : "expected one of \(names.joined(separator: ", "))")
        }
        if selectors.isEmpty && names.isEmpty && unclear.isEmpty && reader.diagnostics.isEmpty {
            reader.report(
                .error, path, "the tree has no machine group", hint: "expected a folder with machines/ in it")
        }
        for name in names {
            let machines = selectors.filter { $0.group == name }
            guard selectors.isEmpty || !machines.isEmpty else { continue }
            if Self.sharedStores.contains(name) {
                reader.report(
                    .error, path.appending(name), "'\(name)' cannot be the name of a machine group",
                    hint: "the cache uses that name for what all groups share; choose another name")
            }
            if let bad = name.unicodeScalars.first(where: BuildPaths.cannotBeMounted) {
                reader.report(
                    .error, path.appending(name), "the name of a machine group contains '\(bad.escaped(asASCII: true))'",
                    hint: "overlayfs cannot mount folders with it in their path; choose another name")
            }
            let wanted =
                machines.contains { $0.machine == nil } || machines.isEmpty ? nil : Set(machines.compactMap(\.machine))
            groups.append(reader.group(name, at: path.appending(name), machines: wanted))
        }
        diagnostics = reader.diagnostics.sorted { left, right in
            (left.location.file.string, left.location.line ?? 0) < (
                right.location.file.string, right.location.line ?? 0
            )
        }
    }
}

extension ConfigurationTree {
    /// The layers of one root-underlays or root-overlays folder, in alphanumeric order, and what is wrong with them.
    ///
    /// A folder that does not exist has no layers. For folders that scriptlets make after the tree was read.
    public static func layers(in folder: FilePath) -> (layers: [OverlayLayer], diagnostics: [Diagnostic]) {
        let reader = ConfigurationReader(root: folder)
        let layers = reader.layers(folder)
        return (layers, reader.diagnostics)
    }
}

extension ConfigurationReader {
    fileprivate func group(_ name: String, at path: FilePath, machines wanted: Set<String>?) -> MachineGroup {
        var group = MachineGroup(name: name, path: path)
        guard self.folder(path, required: true, what: "a machine group") != nil else { return group }
        if let file = file(path.appending("packages"), required: false, what: "packages, one a line") {
            group.packages = packages(file)
        }
        if let file = file(path.appending("devices"), required: false, what: "devices, one a line") {
            group.devicesFile = file
            group.devices = devices(file)
        }
        group.generatorScriptlets = scriptlets(path.appending("generator-scriptlets"))
        group.rootUnderlays = layers(path.appending("root-underlays"))
        group.rootOverlays = layers(path.appending("root-overlays"))
        group.setuidWhitelist = list(path.appending("suid.whitelist"))
        group.setgidWhitelist = list(path.appending("guid.whitelist"))
        let shared = file(
            path.appending("machine-group.yaml"), required: false, what: "settings of every machine of the group")

        guard
            let folder = folder(
                path.appending("machines"), required: true, what: "a folder with a folder for each machine")
        else { return group }
        let names = names(in: folder)
        for machine in (wanted ?? []).subtracting(names).sorted() {
            report(
                .error, path.appending("machines").appending(machine), "no machine has this name",
                hint: "expected one of \(names.joined(separator: ", "))")
        }
        if names.isEmpty {
            report(
                .error, path.appending("machines"), "the group does not have a machine", hint: "expected a folder for each machine"
            )
        }
        for machine in names where wanted?.contains(machine) ?? true {
            if let machine = self.machine(
                machine, of: name, at: path.appending("machines").appending(machine), shared: shared)
            {
                group.machines.append(machine)
            }
        }
        return group
    }

    private func machine(_ name: String, of group: String, at path: FilePath, shared: FilePath?) -> Machine? {
        guard folder(path, required: true, what: "a folder with the machine's configuration") != nil else { return nil }
        if !isDNSLabel(name) {
            report(
                .error, path, "'\(name)' is not a host name",
                hint: "expected 1 to 63 of a-z, 0-9 and '-', which is neither first nor last (a DNS label, RFC 1123)")
        }
        let packagesFile = file(path.appending("packages"), required: true, what: "the machine's packages, one a line")
        let initFile = file(
            path.appending("init"), required: true, what: "the program that becomes /init", executable: true)
        let devicesFile = file(
            path.appending("devices"), required: true, what: "the machine's devices, one a line; it may be empty")
        if let initFile { checkLineEnds(script: initFile) }
        let yum = yumFolder(path.appending("yum"))
        let description = machineDescription(
            files: [shared, file(path.appending("machine.yaml"), required: false, what: "the machine's settings")]
                .compactMap(\.self))
        let underlays = layers(path.appending("root-underlays"))
        let overlays = layers(path.appending("root-overlays"))
        let generators = scriptlets(path.appending("generator-scriptlets"))
        let rpms = files(in: path.appending("rpms"), each: "an .rpm file", extension: "rpm")
        let tests = files(in: path.appending("tests"), each: "an executable")
        let setuid = list(path.appending("suid.whitelist"))
        let setgid = list(path.appending("guid.whitelist"))
        let requests = packagesFile.map(packages) ?? []
        let devices = devicesFile.map(devices) ?? []
        guard let packagesFile, let initFile, let devicesFile, let yum else { return nil }
        var machine = Machine(
            name: name, groupName: group, path: path, packagesFile: packagesFile, yum: yum, initFile: initFile,
            devicesFile: devicesFile)
        machine.packages = requests
        machine.devices = devices
        machine.description = description
        machine.rootUnderlays = underlays
        machine.rootOverlays = overlays
        machine.generatorScriptlets = generators
        machine.rpms = rpms
        machine.tests = tests
        machine.setuidWhitelist = setuid
        machine.setgidWhitelist = setgid
        machine.lockFile = file(path.appending("packages.lock"), required: false, what: "a lock file")
        return machine
    }

    private func isDNSLabel(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        let hyphen = UInt8(ascii: "-")
        return (1...63).contains(bytes.count) && bytes.first != hyphen && bytes.last != hyphen
            && bytes.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == hyphen
            }
    }

    private func yumFolder(_ path: FilePath) -> YumFolder? {
        guard let folder = folder(path, required: true, what: "a folder with yum.conf.template and repositories/")
        else { return nil }
        let template = file(
            path.appending("yum.conf.template"), required: true, what: "yum's configuration, an INI file")
        // Read the folder without a template too, so that the same run reports everything that is wrong in it.
        var yum = YumFolder(path: folder, configurationTemplate: template ?? path.appending("yum.conf.template"))
        yum.repositoryFiles = files(in: path.appending("repositories"), each: "a .repo file", extension: "repo")
        yum.keys = files(in: path.appending("keys"), each: "a public key")
        for file in files(in: path.appending("vars"), each: "a yum variable") {
            guard let name = file.lastComponent?.string else { continue }
            yum.variables[name] = firstLine(file)
        }
        if yum.repositoryFiles.isEmpty {
            report(
                .warning, path, "there is no repositories/*.repo",
                hint: "only local packages can be installed without a repository")
        }
        return template == nil ? nil : yum
    }

    private func list(_ path: FilePath) -> [FilePath]? {
        file(path, required: false, what: "paths, one a line").map(whitelist)
    }

    /// The regular files of an optional folder, sorted by the names that they have in it. Symlinks to files count.
    ///
    /// - Parameter wanted: the extension; files with others are noted and skipped.
    private func files(in path: FilePath, each what: String, extension wanted: String? = nil) -> [FilePath] {
        guard let folder = folder(path, required: false, what: "a folder of files, each \(what)") else { return [] }
        return names(in: folder).compactMap { name in
            let entry = path.appending(name)
            guard wanted == nil || entry.extension == wanted else {
                report(.note, entry, "not \(what)", hint: "it is ignored")
                return nil
            }
            guard let real = file(entry, required: true, what: what) else { return nil }
            if let target = textOfLink(real), target.contains("/"), FilePath(target).isRelative {
                report(.linkAsText(entry, target: target))
                return nil
            }
            return entry
        }
    }

    private func scriptlets(_ path: FilePath) -> [FilePath] {
        let scriptlets = files(in: path, each: "a bash scriptlet")
        for scriptlet in scriptlets {
            if let real = resolve(scriptlet, required: true, what: "a bash scriptlet") { checkLineEnds(script: real) }
        }
        return scriptlets
    }

    /// The layers of a root-underlays or root-overlays folder, in alphanumeric order.
    fileprivate func layers(_ path: FilePath) -> [OverlayLayer] {
        guard let folder = folder(path, required: false, what: "a folder of layers, each a folder of files") else {
            return []
        }
        let names = names(in: folder)
        var layers: [OverlayLayer] = []
        for name in names {
            let entry = path.appending(name)
            guard let real = resolve(entry, required: true, what: "a layer: a folder of files") else { continue }
            if case .folder = kind(real) {
                layers.append(OverlayLayer(name: name, path: real))
                checkContent(ofLayer: real)
            } else if let target = textOfLink(real) {
                report(.linkAsText(entry, target: target))
            } else if let layer = name.dropSuffix(".permissions") {
                if !names.contains(layer) {
                    report(
                        .error, entry, "the layer of these permissions does not exist",
                        hint: "expected the folder '\(layer)' beside it")
                }
            } else {
                report(
                    .error, entry, "neither a layer nor its permissions",
                    hint: "expected a folder or '<layer>.permissions'")
            }
        }
        for index in layers.indices where names.contains(layers[index].name + ".permissions") {
            let file = self.file(
                path.appending(layers[index].name + ".permissions"), required: true,
                what: "'/path owner group mode' a line")
            layers[index].permissions = file.map(permissions) ?? []
        }
        return layers
    }
}

extension String {
    func dropSuffix(_ suffix: String) -> String? { hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil }
}
