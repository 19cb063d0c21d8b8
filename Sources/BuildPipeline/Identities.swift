import BuildStore
import ConfigurationTree
import DiskImages
import HostSystem
import PackageResolution
import SystemPackage

/// The identities of a machine's stages: each is made of the stage's own inputs and of the identity of the stage before it.
struct Identities {
    let installed: Identity
    let composed: Identity
    let disks: Identity
    let artefacts: Identity

    init(build: MachineBuild, transaction: Transaction, keys: [FilePath], plan: DiskPlan) throws {
        let (group, machine, options) = (build.group, build.machine, build.options)
        installed = try Identity(
            stage: "installed", version: 10,
            of: Installed(
                ownership: UserNamespace.ownership,
                // In librpm's list's order, which a lock's or a transaction's own is not.
                packages: try transaction.packages(inOrderOf: build.configuration.repositories).map {
                    "\($0.nevra) \(try $0.checksum?.description ?? TreeDigest.digest(of: FilePath($0.location)) ?? "")"
                },
                keys: try keys.map { try Checksum(.sha256, ofFile: $0).hexadecimal }, machine: machine.name,
                transactionFlags: build.configuration.transactionFlags, languages: build.configuration.languages,
                excludedPaths: machine.description.excludedPaths,
                repositories: Set(transaction.packages.map(\.repository)).sorted(),
                gpgcheck: build.configuration.repositories.filter(\.gpgcheck).map(\.id),
                tolerated: machine.description.toleratedScriptlets,
                underlays: try (group.rootUnderlays + machine.rootUnderlays).map(Layer.init),
                sourceDateEpoch: options.sourceDateEpoch))
        composed = try Identity(
            stage: "composed", version: 5,
            of: Composed(
                installed: installed, group: group.name, machine: machine.name,
                devices: (group.devices + machine.devices).map(\.withoutLocation),
                initFile: try TreeDigest.digest(of: machine.initFile),
                functions: try TreeDigest.digest(of: options.paths.functionsPath),
                scriptlets: try (group.generatorScriptlets + machine.generatorScriptlets).map(TreeDigest.digest),
                layers: try (group.rootOverlays + machine.rootOverlays).map(Layer.init), boot: machine.description.boot,
                fstab: plan.fstab,
                setuidWhitelist: [group.setuidWhitelist, machine.setuidWhitelist],
                setgidWhitelist: [group.setgidWhitelist, machine.setgidWhitelist],
                // Scriptlets may look at anything below their machine's and their group's folders.
                tree: group.generatorScriptlets.isEmpty && machine.generatorScriptlets.isEmpty
                    ? [] : [try TreeDigest.digest(of: machine.path), try TreeDigest.digest(of: group.path)]))
        disks = try Identity(
            stage: "disks", version: 3, of: Disks(composed: composed, plan: plan, writer: options.diskWriter))
        artefacts = try Identity(
            stage: "artefacts", version: 1,
            of: Artefacts(
                disks: disks, outputs: options.outputs ?? machine.description.outputs,
                hardware: machine.description.hardware))
    }

    private struct Installed: Encodable {
        var ownership: [[IDRange]]?
        var packages: [String]
        var keys: [String]
        var machine: String
        var transactionFlags: [TransactionFlag]
        var languages: [String]
        var excludedPaths: [FilePath]
        /// Whose keys are recorded in the database.
        var repositories: [String]
        var gpgcheck: [String]
        var tolerated: [ToleratedScriptlet]
        var underlays: [Layer]
        var sourceDateEpoch: Int
    }

    private struct Composed: Encodable {
        var installed: Identity
        var group: String
        var machine: String
        var devices: [Device]
        var initFile: String?
        var functions: String?
        var scriptlets: [String?]
        var layers: [Layer]
        var boot: BootSettings
        var fstab: String
        var setuidWhitelist: [[FilePath]?]
        var setgidWhitelist: [[FilePath]?]
        var tree: [String?]
    }

    private struct Disks: Encodable {
        var composed: Identity
        var plan: DiskPlan
        var writer: DiskWriterKind
    }

    private struct Artefacts: Encodable {
        var disks: Identity
        var outputs: [OutputFormat]
        var hardware: Hardware
    }

    private struct Layer: Encodable {
        var name: String
        var content: String?
        var permissions: [OverlayPermission]

        init(_ layer: OverlayLayer) throws {
            name = layer.name
            content = try TreeDigest.digest(of: layer.path)
            permissions = layer.permissions
            for index in permissions.indices { permissions[index].location = SourceLocation(file: "") }
        }
    }
}

extension Device {
    /// Where a line stands changes nothing of what is built.
    fileprivate var withoutLocation: Device {
        var copy = self
        copy.location = SourceLocation(file: "")
        return copy
    }
}
