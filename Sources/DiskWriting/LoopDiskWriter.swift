import ConfigurationTree
import DiskImages
import Glibc
import HostSystem
import SystemPackage

/// Mounts the file systems through loop devices, in the worker's mount namespace only, and copies the files.
struct LoopDiskWriter: DiskWriter {
    var plan: DiskPlan
    var contexts: FileContexts
    var tools: DiskTools
    var scratch: FilePath

    func fill(_ disks: [PlannedDisk], images: [FilePath], from root: FilePath, reporting: WorkerReporter) throws {
        let mountPoint = scratch.appending("mount")
        var mounted: [FilePath] = []
        for partition in plan.fileSystems where partition.mountPoint != nil && partition.fileSystem != .swap {
            guard let index = disks.firstIndex(where: { $0.partitions.contains(partition) }),
                let path = partition.mountPoint
            else { continue }
            let target = mountPoint.pushing(FilePath(path).removingRoot())
            try createDirectories(target)
            // The mount keeps the device in use; the device detaches itself when the mount ends.
            let device = try LoopDevice(file: images[index], offset: partition.start, size: partition.size)
            try mount(device.path.string, at: target, type: "ext4")
            mounted.append(target)
        }
        try tools.tool("cp").runBlocking(["-a", "--sparse=always", "\(root)/.", mountPoint.string], warning: reporting)
        for target in mounted {
            // mke2fs has made it; it is not a folder of the machine's root.
            let lostAndFound = target.appending("lost+found")
            chmod(lostAndFound.string, 0o700)
        }
        try contexts.set(in: mountPoint)
        for target in mounted.reversed() { try unmount(target) }
    }
}
