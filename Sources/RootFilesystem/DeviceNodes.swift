import ConfigurationTree
import Glibc
import HostSystem
import SystemPackage

/// Makes the devices of `devices` files in the process's root.
struct DeviceNodes {
    var devices: [Device]
    var epoch: Int

    /// Makes all. A line of the machine comes after the group's and replaces it.
    ///
    /// - Throws: `WorkerFailure` of kind `devices` with all that could not be made.
    func make() throws {
        let problems = devices.compactMap { device in
            do {
                try make(device)
                return nil as String?
            } catch {
                return "\(device.location): error: \(device.path) cannot be made: \(error)"
            }
        }
        guard problems.isEmpty else { throw WorkerFailure(kind: .devices, message: problems.joined(separator: "\n")) }
    }

    private struct Obstacle: Error, CustomStringConvertible {
        var description: String
    }

    private func make(_ device: Device) throws {
        try Root.makeParents(of: device.path)
        switch Root.kind(device.path, followingLinks: false) {
        case nil: break
        case S_IFBLK, S_IFCHR, S_IFIFO: try Root.removeFile(device.path)
        case S_IFREG where device.path.withPlatformString({ nodeStoodFor(by: $0) }) != nil: try Root.removeFile(device.path)
        case S_IFDIR: throw Obstacle(description: "the packages have a folder there")
        case S_IFLNK: throw Obstacle(description: "the packages have a symbolic link there")
        default: throw Obstacle(description: "the packages have a file there")
        }
        let (kind, number): (mode_t, UInt64) =
            switch device.kind {
            case .fifo: (S_IFIFO, 0)
            case .block(let major, let minor): (S_IFBLK, makeDevice(major, minor))
            case .character(let major, let minor): (S_IFCHR, makeDevice(major, minor))
            }
        try makeNode(device.path, mode: kind | 0o600, device: number)
        try Root.own(device.path, mode: mode_t(device.permissions))
        Root.setTimes(device.path, epoch: epoch)
    }
}
