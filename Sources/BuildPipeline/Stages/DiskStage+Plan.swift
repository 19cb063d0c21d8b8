// What the stage reads for a machine.
import BuildStore
import ConfigurationTree
import DiskImages
import HostSystem
import PackageResolution
import SystemPackage

extension DiskStage {
    init(of machine: Machine, _ plan: DiskPlan, _ transaction: Transaction, _ context: MachinePlan.Context) throws {
        let (inputs, options) = (context.inputs, context.options)
        self.plan = plan
        writer = options.diskWriter
        installsGRUB = machine.description.boot.loader == .grub
        tools = try DiskTools.names(for: plan, writer: writer, installsGRUB: installsGRUB).map(inputs.tool)
        grubModules = installsGRUB ? try inputs.file(BootLoaderFiles.grubModules) : nil
        libraries = inputs.libraries.digests(of: Self.libraryNames(for: writer))
        sourceDateEpoch = options.sourceDateEpoch
        services = RunOnly(Services(worker: options.worker, tools: options.tools, installedSize: transaction.installedSize.bytes))
    }
}
