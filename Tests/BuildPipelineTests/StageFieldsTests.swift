import BuildGraph
import ConfigurationTree
import Foundation
import HostSystem
import InvalidationMatrix
import PackageInstallation
import RootFilesystem
import SystemPackage
import Testing

@testable import BuildPipeline
@testable import BuildStore
@testable import DiskImages
@testable import PackageResolution

/// Every field of every stage has a row in the invalidation matrix: a field without one fails here, and one that a stage does not take any more too.
@Suite("Fields of stages")
struct StageFieldsTests {
    /// The rows that change a field.
    private static let rows: [String: [String]] = [
        "fetch.packages": ["a package upgraded", "packages"],

        "install.packages.nevra": ["a package upgraded", "packages", "packages of a group"],
        "install.packages.checksum": ["a package rebuilt with the same version", "a local package"],
        "install.packages.isSigned": ["gpgcheck", "localpkg_gpgcheck with an unsigned local package"],
        "install.keys": ["another key in the keyring", "a key's file"],
        "install.recordedKeys": ["another key in the keyring", "a key's file"],
        "install.transactionFlags": ["tsflags", "tsflags=nocontexts"],
        "install.languages": ["override_install_langs"],
        "install.excludedPaths": ["excludedPaths"],
        "install.tolerated": ["a tolerated scriptlet more", "the reason of a tolerated scriptlet"],
        "install.underlays.content": ["an underlay", "an underlay of a group"],
        "install.underlays.permissions.path": ["path in permissions of an underlay"],
        "install.underlays.permissions.owner": ["owner in permissions of an underlay"],
        "install.underlays.permissions.group": ["group in permissions of an underlay"],
        "install.underlays.permissions.mode": ["permissions of an underlay"],
        "install.underlays.permissions.capabilities": ["capabilities in permissions of an underlay"],
        "install.ownership.inside": [userNamespace],
        "install.ownership.outside": [userNamespace],
        "install.ownership.count": [userNamespace],
        "install.sourceDateEpoch": ["SOURCE_DATE_EPOCH"],
        "install.libraries": ["another librpm", "another libcurl"],
        "install.rpmConfiguration": ["rpm's macros"],

        "compose.group": ["a machine of another group with the same packages"],
        "compose.machine": ["a machine that is renamed"],
        "compose.devices.path": ["devices", "devices of a group", "a comment of devices"],
        "compose.devices.kind": ["the kind of a device"],
        "compose.devices.permissions": ["the permissions of a device"],
        "compose.initFile": ["init"],
        "compose.layers.content": ["an overlay", "an overlay of a group", "an overlay behind a symlink into templates", "an executable bit"],
        "compose.layers.permissions.path": ["path in permissions of an overlay"],
        "compose.layers.permissions.owner": ["owner in permissions of an overlay"],
        "compose.layers.permissions.group": ["group in permissions of an overlay"],
        "compose.layers.permissions.mode": ["permissions of an overlay"],
        "compose.layers.permissions.capabilities": ["capabilities in permissions of an overlay"],
        "compose.generators.scriptlets": ["a scriptlet", "a comment of a scriptlet", "a scriptlet of a group", "a scriptlet more"],
        "compose.generators.functions": ["a function"],
        "compose.generators.tree": ["a file behind a symlink into templates", "a neighbour's overlay", "a template that nothing reaches"],
        "compose.generators.bash": ["another bash"],
        "compose.files.path": ["devices"],
        "compose.files.text": ["disks.name", "devices", "machineId"],
        "compose.files.mode": ["devices"],
        "compose.files.replaces": ["devices"],
        "compose.boot.settings.loader": ["boot.loader"],
        "compose.boot.settings.kernelArguments": ["boot.kernelArguments", "kernel arguments without a boot loader"],
        "compose.boot.settings.usesInit": ["boot.init"],
        "compose.boot.rootUUID": ["partitions.uuid"],
        "compose.boot.separatesBoot": ["a partition for /boot"],
        "compose.boot.title": ["a machine that is renamed"],
        "compose.constants.machineID": ["a machine that is renamed"],
        "compose.constants.rootUUID": ["partitions.uuid"],
        "compose.constants.kernelCommandLine": ["boot.kernelArguments"],
        "compose.setuidWhitelist": ["suid.whitelist", "suid.whitelist of a group", "a whitelist where none was"],
        "compose.setgidWhitelist": ["guid.whitelist", "guid.whitelist of a group"],
        "compose.mountPoints": ["a partition and its mount point"],
        "compose.setsContexts": ["tsflags=nocontexts"],
        "compose.sourceDateEpoch": ["SOURCE_DATE_EPOCH"],
        "compose.libraries": ["another libselinux"],

        "disk.plan.disks.name": ["disks.name"],
        "disk.plan.disks.size": ["disks.size", "a group's disks"],
        "disk.plan.disks.table": ["disks.table"],
        "disk.plan.disks.identifier": ["disks.name"],
        "disk.plan.disks.partitions.number": ["boot.loader", "a partition and its mount point"],
        "disk.plan.disks.partitions.start": ["boot.loader", "a partition and its mount point"],
        "disk.plan.disks.partitions.size": ["partitions.size"],
        "disk.plan.disks.partitions.typeGUID": ["a partition of swap"],
        "disk.plan.disks.partitions.partitionGUID": ["a machine that is renamed"],
        "disk.plan.disks.partitions.fileSystem": ["a partition of swap"],
        "disk.plan.disks.partitions.mountPoint": ["a partition and its mount point"],
        "disk.plan.disks.partitions.label": ["partitions.label"],
        "disk.plan.disks.partitions.uuid": ["partitions.uuid"],
        "disk.plan.disks.partitions.hashSeed": ["a machine that is renamed"],
        "disk.plan.disks.partitions.mountOptions": ["partitions.mountOptions"],
        "disk.plan.disks.partitions.featureChanges": ["partitions.features"],
        "disk.plan.disks.partitions.features": ["partitions.features"],
        "disk.writer": ["another writer of disks"],
        "disk.installsGRUB": ["boot.loader"],
        "disk.tools": ["another mkfs.ext4", "another sfdisk", "another grub-mkimage", "another rm"],
        "disk.grubModules": ["GRUB's modules"],
        "disk.libraries": ["another libext2fs"],
        "disk.sourceDateEpoch": ["SOURCE_DATE_EPOCH"],

        "image.disk": ["a second disk", "disks.name"],
        "image.format": ["an output more", "an output less"],
        "image.tools": ["another qemu-img"],

        "appliance.group": ["a machine of another group with the same packages"],
        "appliance.machine": ["a machine that is renamed"],
        "appliance.hardware.architecture": ["hardware.architecture"],
        "appliance.hardware.cpus": ["hardware.cpus", "a group's hardware", "hardware of a machine of which no description is made"],
        "appliance.hardware.memory": ["hardware.memory"],
        "appliance.hardware.firmware": ["hardware.firmware"],
        "appliance.hardware.networkInterfaces.name": ["hardware.networkInterfaces"],
        "appliance.hardware.networkInterfaces.model": ["hardware.networkInterfaces"],
        "appliance.hardware.networkInterfaces.macAddress": ["hardware.networkInterfaces"],
        "appliance.hardware.diskController": ["hardware.diskController"],
        "appliance.disks.fileName": ["a second disk of an appliance"],
        "appliance.disks.capacity": ["the disks of an appliance"],
        "appliance.disks.storedName": ["a second disk of an appliance"],

        "archive.machine": ["a machine that is renamed"],
        "archive.descriptorFiles": ["an appliance beside a qcow2"],
        "archive.disks.fileName": ["a second disk of an appliance"],
        "archive.disks.capacity": ["the disks of an appliance"],
        "archive.disks.storedName": ["a second disk of an appliance"],
        "archive.tar": ["another tar"],
        "archive.sourceDateEpoch": ["SOURCE_DATE_EPOCH"],
    ]

    /// Not a row: root and an ordinary user build in turns in RootlessTests.
    private static let userNamespace = "RootlessTests"

    @Test("every field of a stage has a row, and every row is there")
    func fields() throws {
        let found = Set(try stages().flatMap { Self.fields(of: $0, path: type(of: $0).name) })
        let known = Set(Self.rows.keys)
        #expect(
            found.subtracting(known).sorted() == [],
            "fields without a row in the matrix; a result would be found again although they changed, or the other way round")
        #expect(known.subtracting(found).sorted() == [], "fields that no stage has")
        let names = Set(InvalidationRow.table.map(\.name)).union([Self.userNamespace])
        #expect(Set(Self.rows.values.joined()).subtracting(names).sorted() == [], "rows that the matrix does not have")
        #expect(InvalidationRow.table.count == Set(InvalidationRow.table.map(\.name)).count)
    }

    // MARK: Stages with something in every field

    private func stages() throws -> [any Stage] {
        let checkout = FilePath(
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path)
        let digests = InputDigests(remembering: nil)
        let table = try ToolTable(pathsPath: checkout.appending("paths"))
        let file = try FileInput(checkout.appending("Package.swift"), digests: digests)
        let bash = try ToolInput("bash", of: table, digests: digests)
        let worker = Worker(program: "/nonexistent")
        let place = SourceLocation(file: "file")
        let permission = OverlayPermission(path: "/a", owner: "root", group: "root", mode: 0o644, capabilities: "cap_net_raw=ep", location: place)
        let layer = LayerInput(content: file, permissions: [permission], layer: RunOnly(OverlayLayer(name: "l", path: "/l")))
        let package = TransactionPackage(
            name: "a", epoch: 0, version: "1", release: "1", architecture: "noarch", repository: "r", location: "a.rpm", downloadSize: ByteCount(1),
            installedSize: ByteCount(1), checksum: nil, reason: .user)
        let transaction = Transaction(packages: [package])
        var machine = Machine(
            name: "m", groupName: "g", path: "/t/g/machines/m", packagesFile: "/t/packages",
            yum: YumFolder(path: "/t/yum", configurationTemplate: "/t/yum.conf"),
            initFile: "/t/init", devicesFile: "/t/devices")
        machine.devices = [Device(path: "/dev/a", kind: .fifo, permissions: 0o660, location: place)]
        let group = MachineGroup(name: "g", path: "/t/g")
        let plan = try DiskPlan(machine.description, group: "g", machine: "m")
        let paths = BuildPaths(configPath: "/t", cachePath: "/c", functionsPath: "/f", pathsPath: "/p")
        var configuration: [Diagnostic] = []
        let yum = YumConfiguration(machine.yum, architecture: "x86_64", variables: [:], environment: [:], diagnostics: &configuration)
        let fetcher = PackageFetcher(cachePath: "/c")
        let image = try RunOnly(ImageStage.Services(worker: worker, store: LocalStageStore(cachePath: "/c", tools: table)))
        let diskFile = OVFStage.DiskFile(fileName: "m.vmdk", capacity: ByteCount(1), storedName: "image.vmdk")

        return [
            FetchStage(
                FetchStage.Request(
                    transaction: transaction, configuration: yum, architecture: "x86_64", isLocked: false, cachePath: "/c", access: RepositoryAccess()
                )),
            InstallStage(
                packages: [InstallStage.PackageInput(origin: nil, package: package, local: file, isSigned: true)], keys: [file], recordedKeys: [file],
                transactionFlags: [.nodocs], languages: ["en"], excludedPaths: ["/x"],
                tolerated: [ToleratedScriptlet(package: "a", scriptlet: "%post", reason: "r")], underlays: [layer],
                ownership: [[IDRange(inside: 0, outside: 0, count: 1)]], sourceDateEpoch: 1, libraries: [:], rpmConfiguration: [file],
                services: RunOnly(
                    InstallStage.Services(worker: worker, fetcher: fetcher, repositories: [], scriptletTimeLimit: 1, installedSize: 1))),
            ComposeStage(
                group: "g", machine: "m", devices: machine.devices, initFile: file, layers: [[layer]],
                generators: ComposeStage.Generators(
                    scriptlets: [[file]], functions: file,
                    tree: ComposeStage.TreeInput(
                        view: try TreeView(of: checkout, showing: [checkout.appending("functions")], digests: digests), origin: nil), bash: bash),
                files: GuestFiles.files(of: machine, in: group, plan), boot: BootPlan(of: machine, plan),
                constants: MachineConstants(machineID: "0", rootUUID: "1", kernelCommandLine: "ro"), setuidWhitelist: [], setgidWhitelist: [],
                mountPoints: ["/"], setsContexts: true, sourceDateEpoch: 1, libraries: [:],
                services: RunOnly(ComposeStage.Services(worker: worker, tools: table, paths: paths, machine: machine, group: group))),
            DiskStage(
                plan: plan, writer: .direct, installsGRUB: true, tools: [bash], grubModules: file, libraries: [:], sourceDateEpoch: 1,
                services: RunOnly(DiskStage.Services(worker: worker, tools: table, installedSize: 1))),
            ImageStage(disk: "system", format: .qcow2, tools: [bash], services: image),
            OVFStage(group: "g", machine: "m", hardware: Hardware(), disks: [diskFile]),
            OVAStage(machine: "m", descriptorFiles: ["m.ovf"], disks: [diskFile], tar: bash, sourceDateEpoch: 1, services: image),
        ]
    }

    // MARK: Names of fields

    /// The paths of all stored properties that count in an identity.
    private static func fields(of value: Any, path: String) -> Set<String> {
        switch value {
        case is any LeftOut, is any ConfigurationPlace: return []
        case let part as any IdentityRepresentable: return fields(ofPart: part, path: path)
        case is FilePath, is ByteCount: return [path]
        default: break
        }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .struct:
            let parts = mirror.children.filter { $0.label != nil }
            return parts.isEmpty ? [path] : Set(parts.flatMap { fields(of: $0.value, path: "\(path).\($0.label ?? "")") })
        case .optional, .collection:
            return mirror.children.isEmpty ? [path] : Set(mirror.children.flatMap { fields(of: $0.value, path: path) })
        default: return [path]
        }
    }

    private static func fields<Part: IdentityRepresentable>(ofPart part: Part, path: String) -> Set<String> {
        fields(of: part.identityValue, path: path)
    }
}
