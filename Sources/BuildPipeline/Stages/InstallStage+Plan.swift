// What the stage reads for a machine.
import BuildStore
import ConfigurationTree
import HostSystem
import PackageInstallation
import PackageResolution
import SystemPackage

extension InstallStage {
    init(
        of machine: Machine, in group: MachineGroup, _ configuration: YumConfiguration, _ transaction: Transaction, _ keys: PackageKeys,
        _ fetcher: PackageFetcher, _ context: MachinePlan.Context
    ) throws {
        let inputs = context.inputs
        let signed = Set(configuration.repositories.filter(\.gpgcheck).map(\.id))
        let requests = (group.packages + machine.packages).filter { $0.kind == .install }
        let places = Dictionary(requests.map { ($0.spec, $0.location.description) }) { first, _ in first }
        packages = try transaction.packages(inOrderOf: configuration.repositories).map { package in
            let local = package.checksum == nil ? try FileInput(contentOf: FilePath(package.location)) : nil
            return PackageInput(
                origin: local?.path.string ?? places[package.name], package: package, local: local,
                isSigned: local == nil ? signed.contains(package.repository) : configuration.localPackagesAreChecked)
        }
        self.keys = try keys.trusted.map(inputs.file)
        recordedKeys = try keys.recorded.map(inputs.file)
        transactionFlags = configuration.transactionFlags
        languages = configuration.languages
        excludedPaths = machine.description.excludedPaths
        tolerated = machine.description.toleratedScriptlets
        underlays = try (group.rootUnderlays + machine.rootUnderlays).map { try LayerInput($0, inputs) }
        ownership = UserNamespace.ownership
        sourceDateEpoch = context.options.sourceDateEpoch
        libraries = inputs.libraries.digests(of: Self.libraryNames)
        rpmConfiguration = inputs.rpmConfiguration
        services = RunOnly(
            Services(
                worker: context.options.worker, fetcher: fetcher, repositories: configuration.repositories,
                scriptletTimeLimit: machine.description.scriptletTimeLimit, installedSize: transaction.installedSize.bytes))
    }
}
