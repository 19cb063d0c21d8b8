// What the stage reads for a machine.
import BuildStore
import ConfigurationTree
import DiskImages
import HostSystem
import PackageResolution
import RootFilesystem
import SystemPackage

extension DiskPlan {
    /// Gives ext4 file systems the features that the machine's own e2fsck knows.
    ///
    /// - Throws: `DiskPlanError` for features that machine.yaml adds and that e2fsck does not know.
    fileprivate mutating func setFeatures(of transaction: Transaction) throws {
        let version = transaction.packages.first { $0.name == "e2fsprogs" }?.version
        if let version {
            let problems = disks.flatMap(\.partitions).flatMap { partition in
                partition.featureChanges.compactMap { change -> DiskPlanError.Problem? in
                    guard change.adds, let first = change.feature.firstVersion, RPMVersion(version) < RPMVersion(first) else { return nil }
                    return DiskPlanError.Problem(
                        "\(partition.mountPoint ?? "a partition") has the feature \(change.feature.rawValue), which e2fsprogs \(version) of the machine does not know (\(first) and newer do); remove it from 'features'",
                        at: "disks")
                }
            }
            guard problems.isEmpty else { throw DiskPlanError(problems: problems) }
        }
        // A machine without e2fsck is not checked by one.
        setFeatures(ExtProfile.allCases.last { profile in version.map { RPMVersion(profile.rawValue) <= RPMVersion($0) } ?? true } ?? .e2fsprogs1_41)
    }
}

extension DiskStage {
    init(of machine: Machine, _ plan: DiskPlan, _ transaction: Transaction, _ context: MachinePlan.Context) throws {
        let (inputs, options) = (context.inputs, context.options)
        self.plan = plan
        try self.plan.setFeatures(of: transaction)
        writer = options.diskWriter
        installsGRUB = machine.description.boot.loader == .grub
        tools = try DiskTools.names(for: plan, writer: writer, installsGRUB: installsGRUB).map(inputs.tool)
        grubModules = installsGRUB ? try inputs.file(BootLoaderFiles.grubModules) : nil
        libraries = inputs.libraries.digests(of: Self.libraryNames(for: writer))
        sourceDateEpoch = options.sourceDateEpoch
        services = RunOnly(Services(worker: options.worker, tools: options.tools, installedSize: transaction.installedSize.bytes))
    }
}
