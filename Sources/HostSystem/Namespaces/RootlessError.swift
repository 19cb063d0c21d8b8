internal import CLinux
import Glibc
public import SystemPackage

/// Why a user other than the host's root cannot build, and what to change.
public enum RootlessError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The user has no name in passwd(5).
    case nameless(UInt32)
    case fewSubordinateIDs(file: FilePath, user: String, count: UInt64, free: UInt64)
    /// The user is root of a namespace with this many ids.
    case narrowNamespace(UInt64)
    /// A step of `discographer_enter_user_namespace` failed.
    case step(String, Errno, mappers: [String])
    /// The message of the process that tried.
    case refused(String)

    public var description: String {
        switch self {
        case .nameless(let number):
            "building as an ordinary user: the user \(number) does not have a name, by which newuidmap finds its subordinate ids; "
                + "add a line to /etc/passwd"
        case .fewSubordinateIDs(let file, let user, let count, let free):
            "building as an ordinary user: \(file) gives '\(user)' \(count == 0 ? "no" : "\(count)") subordinate ids; "
                + "expected \(SubordinateIDs.needed). As root:\n    usermod "
                + ["--add-subuids", "--add-subgids"].map { "\($0) \(free)-\(free + SubordinateIDs.needed - 1) " }.joined() + user
        case .narrowNamespace(let count):
            """
            this user namespace has \(count) user or group ids, but packages have files of many owners; expected \(SubordinateIDs.needed).
                In a container of an ordinary user: give that user lines in the host's \(SubordinateIDs.users) and \(SubordinateIDs.groups), and restart the container
                (podman: after 'podman system migrate'). Otherwise make such a namespace with 'unshare --map-auto --map-root-user' of util-linux.
            """
        case .step(let step, let errno, let mappers): Self.words(step, errno, mappers)
        case .refused(let words): words
        }
    }

    private static func words(_ step: String, _ errno: Errno, _ mappers: [String]) -> String {
        let reason =
            switch step {
            case DISCOGRAPHER_STEP_UNSHARE: "the kernel does not allow a user namespace (\(errno)); " + reasonForNoNamespace(errno)
            case DISCOGRAPHER_STEP_MAP where mappers.isEmpty:
                "the ids of the namespace cannot be set (\(errno)); start the container with the capabilities SETUID, SETGID and SETFCAP"
            case DISCOGRAPHER_STEP_MAP: reasonForNoMap(mappers)
            case DISCOGRAPHER_STEP_MOUNT where setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
                "AppArmor removes the privileges of user namespaces (\(errno)); as root: "
                    + "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with 'userns,' for discographer-worker"
            case DISCOGRAPHER_STEP_MOUNT: "mount, process and network namespaces cannot be made (\(errno)); " + ContainerOptions.missing
            case DISCOGRAPHER_STEP_HOSTNAME: "the host name of a namespace cannot be set (\(errno)); " + ContainerOptions.missing
            case DISCOGRAPHER_STEP_PROC:
                "/proc cannot be mounted (\(errno)), because parts of this container's /proc are hidden; " + ContainerOptions.missing
            default: "\(step): \(errno)"
            }
        return "building without being the host's root: " + reason
    }

    private static func reasonForNoMap(_ mappers: [String]) -> String {
        let plain = mappers.filter { !isPrivileged(FilePath($0)) }
        guard !plain.isEmpty else {
            return "the subordinate ids cannot be set; check the output of newuidmap and newgidmap, and whether this process has 'no new privileges'"
        }
        return "the subordinate ids cannot be set: \(plain.joined(separator: " and ")) does not have the setuid bit; as root: "
            + "chmod u+s \(plain.joined(separator: " "))"
    }

    private static func reasonForNoNamespace(_ errno: Errno) -> String {
        if setting("/proc/sys/kernel/unprivileged_userns_clone") == 0 {
            return "as root: sysctl kernel.unprivileged_userns_clone=1"
        }
        if let limit = setting("/proc/sys/user/max_user_namespaces"), errno == .noSpace {
            return "the limit is \(limit); as root: sysctl user.max_user_namespaces=\(max(15000, limit * 2))"
        }
        if errno == .notPermitted {
            return ContainerOptions.missing + "; in a chroot(2) it is not possible"
        }
        return "use a kernel with CONFIG_USER_NS"
    }

    private static func setting(_ file: FilePath) -> Int? {
        (try? readText(file)).flatMap { Int($0.split(separator: "\n").first ?? "") }
    }

    /// Whether it has the setuid bit or, as in Fedora, file capabilities.
    private static func isPrivileged(_ program: FilePath) -> Bool {
        var status = stat()
        guard stat(program.string, &status) == 0 else { return true }
        return status.st_mode & S_ISUID != 0 || getxattr(program.string, "security.capability", nil, 0) > 0
    }
}
