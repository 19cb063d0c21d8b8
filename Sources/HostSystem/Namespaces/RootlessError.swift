internal import CLinux
import Glibc
public import SystemPackage

/// Why somebody who is not the host's root cannot build, and what to set.
public enum RootlessError: Error, Hashable, Sendable, CustomStringConvertible {
    case nameless(UInt32)
    case fewSubordinateIDs(file: FilePath, user: String, count: UInt64, free: UInt64)
    /// Root of a namespace that knows this many ids.
    case narrowNamespace(UInt64)
    /// What of `discographer_enter_user_namespace` did not work.
    case step(String, Errno, mappers: [String])
    /// In the words of the process that tried.
    case refused(String)

    public var description: String {
        switch self {
        case .nameless(let number):
            "building as an ordinary user: the user \(number) has no name in /etc/passwd, by which newuidmap finds its subordinate ids; "
                + "a line there would be right"
        case .fewSubordinateIDs(let file, let user, let count, let free):
            "building as an ordinary user: \(file) gives '\(user)' \(count == 0 ? "no" : "\(count)") subordinate ids; "
                + "\(SubordinateIDs.needed) would be right. As root:\n    usermod "
                + ["--add-subuids", "--add-subgids"].map { "\($0) \(free)-\(free + SubordinateIDs.needed - 1) " }.joined() + user
        case .narrowNamespace(let count):
            """
            this user namespace has \(count) user or group ids; packages bring files of many owners, and \(SubordinateIDs.needed) would be right.
                In a container of an ordinary user: give that user lines in the host's \(SubordinateIDs.users) and \(SubordinateIDs.groups), and start the container anew
                (podman: after 'podman system migrate'). Otherwise 'unshare --map-auto --map-root-user' of util-linux makes such a namespace.
            """
        case .step(let step, let errno, let mappers): Self.words(step, errno, mappers)
        case .refused(let words): words
        }
    }

    private static func words(_ step: String, _ errno: Errno, _ mappers: [String]) -> String {
        let reason =
            switch step {
            case DISCOGRAPHER_STEP_UNSHARE: "the kernel makes no user namespace (\(errno)): " + reasonForNoNamespace(errno)
            case DISCOGRAPHER_STEP_MAP where mappers.isEmpty:
                "the ids of the namespace cannot be set (\(errno)); the container would need the capabilities SETUID, SETGID and SETFCAP"
            case DISCOGRAPHER_STEP_MAP: reasonForNoMap(mappers)
            case DISCOGRAPHER_STEP_MOUNT where setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
                "AppArmor takes the privileges of user namespaces away (\(errno)); as root: "
                    + "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with 'userns,' for discographer-worker"
            case DISCOGRAPHER_STEP_MOUNT: "no mount, process and network namespaces can be made (\(errno)); " + Container.whatIsMissing
            case DISCOGRAPHER_STEP_HOSTNAME: "the host name of a namespace cannot be set (\(errno)); " + Container.whatIsMissing
            case DISCOGRAPHER_STEP_PROC:
                "/proc cannot be mounted (\(errno)), because parts of this container's own are hidden; " + Container.whatIsMissing
            default: "\(step): \(errno)"
            }
        return "building without being the host's root: " + reason
    }

    private static func reasonForNoMap(_ mappers: [String]) -> String {
        let plain = mappers.filter { !isPrivileged(FilePath($0)) }
        guard !plain.isEmpty else {
            return "the subordinate ids cannot be set; see what newuidmap or newgidmap said, and whether this runs under 'no new privileges'"
        }
        return "the subordinate ids cannot be set: \(plain.joined(separator: " and ")) lost the setuid bit; as root: "
            + "chmod u+s \(plain.joined(separator: " "))"
    }

    private static func reasonForNoNamespace(_ errno: Errno) -> String {
        if setting("/proc/sys/kernel/unprivileged_userns_clone") == 0 {
            return "as root: sysctl kernel.unprivileged_userns_clone=1"
        }
        if let limit = setting("/proc/sys/user/max_user_namespaces"), errno == .noSpace {
            return "there may be \(limit) of them; as root: sysctl user.max_user_namespaces=\(max(15000, limit * 2))"
        }
        if errno == .notPermitted {
            return Container.whatIsMissing + "; in a chroot(2), none can be made"
        }
        return "a kernel with CONFIG_USER_NS would be right"
    }

    private static func setting(_ file: FilePath) -> Int? {
        (try? readText(file)).flatMap { Int($0.split(separator: "\n").first ?? "") }
    }

    /// By its setuid bit or by file capabilities (Fedora's way).
    private static func isPrivileged(_ program: FilePath) -> Bool {
        var status = stat()
        guard stat(program.string, &status) == 0 else { return true }
        return status.st_mode & S_ISUID != 0 || getxattr(program.string, "security.capability", nil, 0) > 0
    }
}
