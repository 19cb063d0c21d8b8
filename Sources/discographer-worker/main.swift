import DiskImages
import HostSystem
import PackageInstallation
import RootFilesystem

workerMain(
    arguments: CommandLine.arguments, jobs: [UnderlayJob.self, InstallJob.self, ComposeJob.self, WriteDisksJob.self, VerifySignatureJob.self])
