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
            let device = Self.device(index) + (disks[index].table == .none ? "" : "\(partition.number)")
            try handle.mount(device, at: path)
        }
        reporting.progress(1, of: 2, "copying through libguestfs")
        try copy(root, through: handle)
        for (path, context) in contexts.sorted { try handle.setContext(context, of: path) }
        try handle.close()
    }

    /// libguestfs's name of a disk: /dev/sda to /dev/sdz, then /dev/sdaa (guestfs(3), "BLOCK DEVICE NAMING").
    ///
    /// - Parameter index: from 0, in the order in which the disks were added.
    static func device(_ index: Int) -> String {
        var letters = ""
        var rest = index
        repeat {
            letters = String(UnicodeScalar(UInt8(ascii: "a") + UInt8(rest % 26))) + letters
            rest = rest / 26 - 1
        } while rest >= 0
        return "/dev/sd" + letters
    }

    /// tar writes the root to a FIFO while libguestfs reads it.
    private func copy(_ root: FilePath, through handle: GuestfsHandle) throws {
        let pipe = scratch.appending("root.tar")
        unlink(pipe.string)
        guard mkfifo(pipe.string, 0o600) == 0 else {
            throw HostSystemError.systemCall(what: "making \(pipe)", errno: Errno(rawValue: errno))
        }
        defer { unlink(pipe.string) }
        let packing = Packing()
        let tar = try tools.tool("tar")
        DispatchQueue(label: "tar").async {
            let result = Result {
                try tar.runBlocking([
                    "--create", "--file", pipe.string, "--directory", root.string, "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sparse",
                    "--format=posix", "--sort=name", ".",
                ])
            }
            packing.end(result)
            if case .failure = result { packing.releaseReader(of: pipe) }
        }
        do {
            defer { packing.stopReading() }
            try handle.unpack(tar: pipe)
        } catch {
            // A stream that ends early is tar's failure.
            if case .failure(let failure)? = packing.result { throw failure }
            throw error
        }
        try packing.waitForEnd()
    }
}

/// What the two threads of a copy know of each other.
private final class Packing: Sendable {
    private let state = Mutex<(result: Result<String, any Error>?, isReading: Bool)>((nil, true))
    private let ended = DispatchSemaphore(value: 0)

    var result: Result<String, any Error>? { state.withLock { $0.result } }

    func end(_ result: Result<String, any Error>) {
        state.withLock { $0.result = result }
        ended.signal()
    }

    func stopReading() { state.withLock { $0.isReading = false } }

    func waitForEnd() throws {
        ended.wait()
        _ = try result?.get()
    }

    /// A tar that could not start never opens the FIFO, and its reader would wait for a writer for ever (fifo(7)). Opens it once as a writer; retries
    /// while there is no reader yet.
    func releaseReader(of pipe: FilePath) {
        while state.withLock({ $0.isReading }) {
            let writer = open(pipe.string, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            if writer >= 0 {
                close(writer)
                return
            }
            usleep(100_000)
        }
    }
}
