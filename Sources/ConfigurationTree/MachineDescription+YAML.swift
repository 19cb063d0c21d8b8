// Reading machine.yaml and machine-group.yaml. Uses Yams' node API, so that every mistake is reported with its line.
import SystemPackage
import Yams

extension ConfigurationReader {
    /// The settings of `files`, later ones over earlier ones: maps merge key by key, everything else replaces.
    func machineDescription(files: [FilePath]) -> MachineDescription {
        var description = MachineDescription()
        for file in files {
            guard let text = text(file) else { continue }
            do {
                guard let node = try Yams.compose(yaml: text) else { continue }
                YAMLReader(file: file, reader: self).read(node, into: &description)
            } catch let error as YamlError {
                report(.error, file, line: error.line, "not YAML: \(error.problem)")
            } catch {
                report(.error, file, "not YAML: \(error)")
            }
        }
        if let file = files.last {
            check(description, file)
            checkHardware(description, file: SourceLocation(file: file))
        }
        return description
    }

    private func check(_ description: MachineDescription, _ file: FilePath) {
        func fail(_ key: String, _ message: String, hint: String? = nil) {
            report(.error, description.place(of: key) ?? SourceLocation(file: file), message, hint: hint)
        }
        let partitions = description.disks.flatMap(\.partitions)
        let mountPoints = partitions.compactMap(\.mountPoint)
        if !mountPoints.contains("/") {
            fail("disks", "no partition is mounted at /", hint: "one partition has 'mount: /'")
        }
        for point in Set(mountPoints).sorted() where mountPoints.filter({ $0 == point }).count > 1 {
            fail("disks", "two partitions are mounted at \(point)")
        }
        for (index, disk) in description.disks.enumerated() {
            if disk.partitions.filter({ $0.size == .rest }).count > 1 {
                fail("disks[\(index)].partitions", "the disk '\(disk.name)' has more than one partition with size 'rest'")
            }
            let fixed = disk.partitions.reduce(UInt64(0)) { sum, partition in
                if case .fixed(let size) = partition.size { sum &+ size.bytes } else { sum }
            }
            if fixed > disk.size.bytes {
                fail(
                    "disks[\(index)].partitions",
                    "the partitions of '\(disk.name)' (\(ByteCount(fixed))) do not fit on its \(disk.size)")
            }
        }
        for name in repeated(description.disks.map(\.name)) { fail("disks", "two disks are called '\(name)'") }
        let interfaces = description.hardware.networkInterfaces
        for name in repeated(interfaces.map(\.name)) where !name.isEmpty {
            fail("hardware.networkInterfaces", "two network interfaces are called '\(name)'")
        }
        for address in repeated(interfaces.compactMap(\.macAddress)) {
            fail("hardware.networkInterfaces", "two network interfaces have the MAC address \(address)")
        }
    }

    private func repeated(_ names: [String]) -> [String] {
        Set(names).sorted().filter { name in names.filter { $0 == name }.count > 1 }
    }
}

/// Reads one YAML file into a `MachineDescription`.
private struct YAMLReader {
    var file: FilePath
    var reader: ConfigurationReader

    func fail(_ node: Node, _ message: String, _ hint: String? = nil) {
        reader.report(.error, file, line: node.mark?.line, message, hint: hint)
    }

    /// Calls the reader of each key. An unknown key is an error that lists the known ones.
    ///
    /// - Parameter note: called with each known key and its line.
    func map(_ node: Node, _ what: String, note: (String, Int?) -> Void = { _, _ in }, _ keys: KeyValuePairs<String, (Node) -> Void>) {
        guard case .mapping(let mapping) = node else {
            return fail(node, "\(what) is not a map", "expected 'key: value' lines")
        }
        var seen: Set<String> = []
        for (key, value) in mapping {
            let name = key.string ?? ""
            if !seen.insert(name).inserted {
                fail(key, "the key '\(name)' a second time in \(what)")
            } else if let entry = keys.first(where: { $0.key == name }) {
                note(name, key.mark?.line)
                entry.value(value)
            } else {
                fail(key, "unknown key '\(name)' in \(what)", "expected one of \(keys.map(\.key).joined(separator: ", "))")
            }
        }
    }

    func list(_ node: Node, _ what: String) -> [Node]? {
        guard case .sequence(let sequence) = node else {
            fail(node, "\(what) is not a list", "expected '- ' lines")
            return nil
        }
        return Array(sequence)
    }

    func text(_ node: Node, _ what: String) -> String? {
        guard case .scalar(let scalar) = node else {
            fail(node, "\(what) is not a text")
            return nil
        }
        return scalar.string
    }

    func number(_ node: Node, _ what: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = node.int, range.contains(value) else {
            fail(node, "\(what) is not a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    func truth(_ node: Node, _ what: String) -> Bool? {
        guard let value = node.bool else {
            fail(node, "\(what) is neither true nor false")
            return nil
        }
        return value
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ node: Node, _ what: String) -> Value?
    where Value.RawValue == String {
        if let text = node.string, let value = Value(rawValue: text) { return value }
        fail(
            node, "invalid \(what) '\(node.string ?? "?")'",
            "expected one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
        return nil
    }

    /// A list of choices; one that comes a second time would be made twice, and is an error.
    func choices<Value: RawRepresentable & CaseIterable & Equatable>(_ node: Node, _ key: String, _ what: String) -> [Value]?
    where Value.RawValue == String {
        guard let nodes = list(node, key) else { return nil }
        var values: [Value] = []
        for node in nodes {
            guard let value: Value = choice(node, what) else { continue }
            if values.contains(value) {
                fail(node, "'\(value.rawValue)' is in \(key) twice")
            } else {
                values.append(value)
            }
        }
        return values
    }

    func size(_ node: Node, _ what: String) -> ByteCount? {
        if let size = ByteCount(node.string ?? "") { return size }
        fail(
            node, "invalid \(what) '\(node.string ?? "?")'",
            "expected a whole number with B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, such as '2GiB'")
        return nil
    }

    func read(_ node: Node, into description: inout MachineDescription) {
        var hardware = description.hardware
        var disks = description.disks
        var boot = description.boot
        var outputs = description.outputs
        var hypervisors = description.hypervisors
        var tolerated = description.toleratedScriptlets
        var expected = description.toleratedWarnings
        var excluded = description.excludedPaths
        var machineID = description.machineID
        var timeLimit = description.scriptletTimeLimit
        var places = description.places
        func note(_ key: String, _ line: Int?) {
            // A list replaces the one that another file has, and so do the places in it.
            places = places.filter { !$0.key.hasPrefix(key + "[") }
            places[key] = SourceLocation(file: file, line: line)
        }
        map(
            node, "the file", note: note,
            [
                "hardware": { readHardware($0, into: &hardware) { note("hardware.\($0)", $1) } },
                "disks": { node in
                    guard let nodes = list(node, "disks") else { return }
                    disks = nodes.enumerated().map { index, node in
                        let key = "disks[\(index)]"
                        note(key, node.mark?.line)
                        return disk(node) { note("\(key).\($0)", $1) }
                    }
                },
                "boot": { readBoot($0, into: &boot) { note("boot.\($0)", $1) } },
                "outputs": { if let all: [OutputFormat] = choices($0, "outputs", "output") { outputs = all } },
                "hypervisors": { if let all: [Hypervisor] = choices($0, "hypervisors", "hypervisor") { hypervisors = all } },
                "machineId": { if let policy: MachineIDPolicy = choice($0, "machineId") { machineID = policy } },
                "excludedPaths": { node in
                    if let nodes = list(node, "excludedPaths") { excluded = nodes.compactMap(absolutePath) }
                },
                "scriptletTimeLimit": { node in
                    if let seconds = number(node, "scriptletTimeLimit", 1...86400) { timeLimit = seconds }
                },
                "toleratedScriptlets": { node in
                    if let nodes = list(node, "toleratedScriptlets") { tolerated = nodes.compactMap(scriptlet) }
                },
                "toleratedWarnings": { node in
                    if let nodes = list(node, "toleratedWarnings") { expected = nodes.compactMap(warning) }
                },
            ])
        description.machineID = machineID
        description.places = places
        description.hardware = hardware
        description.disks = disks
        description.boot = boot
        description.outputs = outputs
        description.hypervisors = hypervisors
        description.toleratedScriptlets = tolerated
        description.toleratedWarnings = expected
        description.excludedPaths = excluded
        description.scriptletTimeLimit = timeLimit
        if description.disks.isEmpty { fail(node, "a machine has at least one disk") }
        if description.outputs.isEmpty { fail(node, "a machine has at least one output") }
    }

    private func readHardware(_ node: Node, into hardware: inout Hardware, note: (String, Int?) -> Void) {
        var value = hardware
        map(
            node, "hardware", note: note,
            [
                "architecture": { if let text = text($0, "architecture") { value.architecture = text } },
                "cpus": { if let number = number($0, "cpus", Hardware.Limits.cpus) { value.cpus = number } },
                "memory": { if let size = size($0, "amount of memory") { value.memory = size } },
                "firmware": {
                    if let firmware: Hardware.Firmware = choice($0, "firmware") { value.firmware = firmware }
                },
                "diskController": {
                    if let one: Hardware.DiskController = choice($0, "disk controller") { value.diskController = one }
                },
                "networkInterfaces": { node in
                    if let nodes = list(node, "networkInterfaces") {
                        value.networkInterfaces = nodes.compactMap(networkInterface)
                    }
                },
            ])
        hardware = value
    }

    private func networkInterface(_ node: Node) -> Hardware.NetworkInterface? {
        var value = Hardware.NetworkInterface(name: "")
        map(
            node, "a network interface",
            [
                "name": { if let text = text($0, "name") { value.name = text } },
                "model": {
                    if let model: Hardware.NetworkInterface.Model = choice($0, "model of network interface") {
                        value.model = model
                    }
                },
                "macAddress": { node in
                    guard let text = text(node, "macAddress") else { return }
                    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
                    let bytes = parts.compactMap { $0.utf8.count == 2 ? UInt8(digits: String($0), radix: 16) : nil }
                    if parts.count == 6, bytes.count == 6, bytes[0] & 1 == 0 {
                        value.macAddress = text.lowercased()
                    } else if parts.count == 6, bytes.count == 6 {
                        // IEEE 802-2014 §8.2.2: the least significant bit of the first byte marks a group of receivers.
                        fail(node, "'\(text)' is a multicast address", "expected an even first byte, such as '52:54:00:12:34:56'")
                    } else {
                        fail(
                            node, "invalid MAC address '\(text)'",
                            "expected six pairs of hexadecimal digits, such as '52:54:00:12:34:56'")
                    }
                },
            ])
        if value.name.isEmpty { fail(node, "a network interface needs a name") }
        if value.name.utf8.count > 64 || !value.name.unicodeScalars.allSatisfy(\.isPlainForNames) {
            fail(node, "invalid name '\(value.name.printable())' of a network interface", "expected at most 64 bytes, without white space and '/'")
        }
        return value
    }

    private func disk(_ node: Node, note: @escaping (String, Int?) -> Void) -> Disk {
        var value = Disk()
        map(
            node, "a disk", note: note,
            [
                "name": { if let text = text($0, "name") { value.name = text } },
                "size": { if let size = size($0, "size") { value.size = size } },
                "table": { if let table: Disk.PartitionTable = choice($0, "partition table") { value.table = table } },
                "partitions": { node in
                    guard let nodes = list(node, "partitions") else { return }
                    value.partitions = nodes.enumerated().map { index, node in
                        note("partitions[\(index)]", node.mark?.line)
                        return partition(node) { note("partitions[\(index)].\($0)", $1) }
                    }
                },
            ])
        let plain =
            !value.name.isEmpty
            && value.name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        // It becomes a part of a file's name, with the machine's and an ending (NAME_MAX of limits.h is 255).
        if !plain || value.name.utf8.count > 64 {
            fail(node, "invalid disk name '\(value.name.printable())'", "expected at most 64 letters, digits, '-' and '_'")
        }
        return value
    }

    private func partition(_ node: Node, note: @escaping (String, Int?) -> Void) -> Partition {
        var value = Partition()
        value.mountPoint = nil
        map(
            node, "a partition", note: note,
            [
                "mount": { node in
                    guard let text = text(node, "mount") else { return }
                    let path = FilePath(text)
                    // fstab(5) has backslashes for characters that would end a field.
                    let isPlain = text.unicodeScalars.allSatisfy { $0 == "/" || $0.isPlainForNames && $0 != "\\" }
                    if path.isAbsolute && path.lexicallyNormalized() == path && isPlain {
                        value.mountPoint = path.string
                    } else if path.isAbsolute && !isPlain {
                        fail(node, "invalid mount point '\(text.printable())'", "expected a path without white space, control characters and '\\'")
                    } else {
                        fail(node, "invalid mount point '\(text)'", "expected an absolute path without '..'")
                    }
                },
                "filesystem": {
                    if let fileSystem: Partition.FileSystem = choice($0, "file system") {
                        value.fileSystem = fileSystem
                    }
                },
                "size": { node in
                    if node.string == "rest" {
                        value.size = .rest
                    } else if let size = size(node, "size") {
                        value.size = .fixed(size)
                    }
                },
                "label": { node in
                    guard let text = text(node, "label") else { return }
                    guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
                        return fail(node, "invalid label '\(text.printable())'", "expected printable characters")
                    }
                    value.label = text
                },
                "uuid": { node in
                    guard let text = text(node, "uuid") else { return }
                    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
                    if groups.map(\.utf8.count) == [8, 4, 4, 4, 12], groups.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isHexDigit } }) {
                        value.uuid = text.lowercased()
                    } else {
                        fail(node, "invalid UUID '\(text)'", "expected 8-4-4-4-12 hexadecimal digits")
                    }
                },
                "mountOptions": { node in
                    if let nodes = list(node, "mountOptions") {
                        value.mountOptions = nodes.compactMap { text($0, "a mount option") }
                    }
                },
                "features": { node in
                    if let nodes = list(node, "features") { value.features = nodes.compactMap(featureChange) }
                },
            ])
        if !value.features.isEmpty && value.fileSystem != .ext4 {
            fail(node, "'features' of a \(value.fileSystem.rawValue) file system", "only ext4 has them")
        }
        // mke2fs(8), mkfs.xfs(8), mkfs.fat(8), mkfs.btrfs(8), mkswap(8).
        let longest: [Partition.FileSystem: Int] = [.ext4: 16, .xfs: 12, .vfat: 11, .btrfs: 255, .swap: 15]
        if let label = value.label, let limit = longest[value.fileSystem], label.utf8.count > limit {
            fail(node, "the label '\(label)' is too long for \(value.fileSystem.rawValue)", "expected at most \(limit) bytes")
        }
        return value
    }

    private func featureChange(_ node: Node) -> ExtFeatureChange? {
        guard let text = text(node, "a feature") else { return nil }
        guard let change = ExtFeatureChange(text) else {
            fail(
                node, "unknown feature '\(text)'",
                "expected one of \(ExtFeature.allCases.map(\.rawValue).joined(separator: ", ")), after '^' to leave it out")
            return nil
        }
        return change
    }

    private func readBoot(_ node: Node, into boot: inout BootSettings, note: (String, Int?) -> Void) {
        var value = boot
        map(
            node, "boot", note: note,
            [
                "loader": { if let loader: BootSettings.Loader = choice($0, "boot loader") { value.loader = loader } },
                "kernelArguments": { node in
                    guard let nodes = list(node, "kernelArguments") else { return }
                    value.kernelArguments = nodes.compactMap(kernelArgument)
                    let length = value.kernelArguments.reduce(0) { $0 + $1.utf8.count + 1 }
                    if length > KernelArgument.longestCommandLine {
                        fail(
                            node, "the kernel arguments have \(length) bytes",
                            "a kernel for x86 takes \(KernelArgument.longestCommandLine), those of the boot loader included")
                    }
                },
                "init": { if let truth = truth($0, "init") { value.usesInit = truth } },
            ])
        boot = value
    }

    private func kernelArgument(_ node: Node) -> String? {
        guard let text = text(node, "a kernel argument") else { return nil }
        do throws(KernelArgument.Error) {
            for argument in try KernelArgument.arguments(in: text) where argument.isChangedByGRUB {
                reader.report(
                    .warning, file, line: node.mark?.line,
                    "GRUB writes a backslash before each quote and backslash of the kernel argument '\(argument.text)'",
                    hint: "systemd and dracut remove it, the kernel does not")
            }
            return text
        } catch {
            fail(node, error.message.printable(), error.hint)
            return nil
        }
    }

    private func absolutePath(_ node: Node) -> FilePath? {
        guard let text = text(node, "an excluded path") else { return nil }
        let path = FilePath(text)
        guard path.isAbsolute, path.isLexicallyNormal, path != "/" else {
            fail(node, "invalid excluded path '\(text)'", "expected an absolute one such as /usr/share/doc")
            return nil
        }
        // rpm compares names (rpmRelocateFileList).
        guard !text.contains(where: { "*?".contains($0) }) else {
            fail(node, "'\(text)' has a wildcard, and rpm would look for a file of that very name", "a path leaves out all that is below it")
            return nil
        }
        return path
    }

    private func warning(_ node: Node) -> ToleratedWarning? {
        var value = ToleratedWarning(warning: "", reason: "")
        map(
            node, "a tolerated warning",
            [
                "warning": { if let text = text($0, "warning") { value.warning = text } },
                "package": { if let text = text($0, "package") { value.package = text } },
                "reason": { if let text = text($0, "reason") { value.reason = text } },
            ])
        if value.warning.isEmpty || value.reason.isEmpty || value.package?.isEmpty ?? false {
            fail(node, "a tolerated warning needs warning and reason", "expected a part of its text, and why it is expected; 'package' is optional")
            return nil
        }
        // What is left between '*' has to say which warning is meant.
        guard value.warning.contains(where: { $0 != "*" && !$0.isWhitespace }) else {
            fail(node, "'\(value.warning)' would tolerate every warning", "expected a part of the text of the one that is meant")
            return nil
        }
        guard !value.warning.contains(where: \.isNewline) else {
            fail(
                node, "the text of a tolerated warning has several lines", "expected a part of one line; '*' stands for anything, also for line ends")
            return nil
        }
        return value
    }

    private func scriptlet(_ node: Node) -> ToleratedScriptlet? {
        var value = ToleratedScriptlet(package: "", scriptlet: "", reason: "")
        map(
            node, "a tolerated scriptlet",
            [
                "package": { if let text = text($0, "package") { value.package = text } },
                "scriptlet": { if let text = text($0, "scriptlet") { value.scriptlet = text } },
                "reason": { if let text = text($0, "reason") { value.reason = text } },
            ])
        if value.package.isEmpty || value.scriptlet.isEmpty || value.reason.isEmpty {
            fail(node, "a tolerated scriptlet needs package, scriptlet and reason")
            return nil
        }
        guard ToleratedScriptlet.kinds.contains(value.scriptlet) else {
            fail(
                node, "invalid scriptlet '\(value.scriptlet)'",
                "expected one of \(ToleratedScriptlet.kinds.joined(separator: ", "))")
            return nil
        }
        return value
    }
}

extension Unicode.Scalar {
    /// Neither white space nor a control character nor a slash.
    fileprivate var isPlainForNames: Bool { !properties.isWhitespace && properties.generalCategory != .control && self != "/" }
}
