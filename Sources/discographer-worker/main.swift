import DiskImages
import DiskWriting
import HostSystem
import PackageInstallation
import RootFilesystem

workerMain(
    arguments: CommandLine.arguments,
    jobs: [
        UnderlayJob.self, VerifySignatureJob.self, VerifyPackagesJob.self, UnpackAheadJob.self, InstallJob.self, ComposeJob.self,
        WriteDisksJob.self, ConvertImageJob.self, PackArchiveJob.self, LoadedLibrariesJob.self, InspectFilesJob.self,
    ],
    sessions: [ShellSession.self])
