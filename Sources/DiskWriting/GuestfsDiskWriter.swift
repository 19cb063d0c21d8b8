import ConfigurationTree
import DiskImages
import Dispatch
import Glibc
import HostSystem
import Synchronization
import SystemPackage

/// Lets libguestfs's small virtual machine mount the file systems and unpack a tar stream into them.
struct GuestfsDiskWriter: DiskWriter {
    var plan: DiskPlan
    var contexts: FileContexts
    var tools: DiskTools
    var scratch: FilePath
    var usesKVM: Bool

    func fill(_ disks: [PlannedDisk], images: [FilePath], from root: FilePath, reporting: WorkerReporter) throws {
        let handle = try GuestfsHandle(scratch: scratch, usesKVM: usesKVM)
        for image in images { try handle.addDisk(image) }
        reporting.progress(0, of: 2, "starting libguestfs")
        try handle.launch()
        for partition in plan.fileSystems where partition.mountPoint != nil && partition.fileSystem != .swap {
            guard let index = disks.firstIndex(where: { $0.partitions.contains(partition) }),
                let path = partition.mountPoint
            else { continue }
            let letter = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(index)))
            let device = "/dev/sd\(letter)" + (disks[index].table == .none ? "" : "\(partition.number)")
            try handle.mount(device, at: path)
        }
        reporting.progress(1, of: 2, "copying through libguestfs")
        let pipe = scratch.appending("root.tar")
        unlink(pipe.string)
        guard mkfifo(pipe.string, 0o600) == 0 else {
            throw HostSystemError.systemCall(what: "making \(pipe)", errno: Errno(rawValue: errno))
        }
        defer { unlink(pipe.string) }
        let packing = Mutex<Result<String, any Error>?>(nil)
        let packed = DispatchSemaphore(value: 0)
        let tar = try tools.tool("tar")
        Thread.detach {
            let result = Result {
                try tar.runBlocking([
                    "--create", "--file", pipe.string, "--directory", root.string, "--numeric-owner", "--xattrs",
                    "--xattrs-include=*", "--sparse",
                    "--format=posix", "--sort=name", "--ignore-failed-read", ".",
                ])
            }
            packing.withLock { $0 = result }
            packed.signal()
        }
        try handle.unpack(tar: pipe)
        packed.wait()
        _ = try packing.withLock { $0 }?.get()
        for (path, context) in contexts.sorted { try handle.setContext(context, of: path) }
        try handle.close()
    }
}

/// A thread that blocks, without Foundation.
private enum Thread {
    static func detach(_ body: @escaping @Sendable () -> Void) { DispatchQueue(label: "tar").async(execute: body) }
}
