import Glibc
public import SystemPackage

/// Files that programs of a machine fill with random bytes or with their own history, to tell it from all others. In an image every copy would have the same ones;
/// without them, each machine makes its own at its first start. The list is what virt-sysprep(1) and the distributions' image builders remove.
public enum MachineSecrets {
    /// Patterns of glob(7).
    static let patterns = [
        // systemd-random-seed.service(8), systemd-creds(1), and the seeds of systemd-boot and of Enterprise Linux 6
        "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret", "/var/lib/random-seed", "/var/lib/misc/random-seed",
        "/boot/loader/random-seed", "/boot/efi/loader/random-seed", "/efi/loader/random-seed",
        // dbus-uuidgen(1): /etc/machine-id is used when this file does not exist.
        "/var/lib/dbus/machine-id",
        // ssh-keygen(1) -A, which the server's unit calls when there are none.
        "/etc/ssh/ssh_host_*_key", "/etc/ssh/ssh_host_*_key.pub", "/etc/ssh/ssh_host_key", "/etc/ssh/ssh_host_key.pub",
        // systemd-journald.service(8)
        "/var/log/journal/*/*.journal", "/var/log/journal/*/*.journal~",
        // Leases and identifiers of DHCP clients: dhclient(8), NetworkManager(8), dhcpcd(8), wicked(8)
        "/var/lib/dhclient/*.lease", "/var/lib/dhclient/*.leases", "/var/lib/dhcp/*.leases", "/var/lib/dhcp3/*.leases",
        "/var/lib/NetworkManager/*.lease",
        "/var/lib/NetworkManager/secret_key", "/var/lib/dhcpcd/*.lease", "/var/lib/dhcpcd/duid", "/var/lib/dhcpcd/secret",
        "/var/lib/wicked/lease-*.xml",
        "/var/lib/wicked/duid.xml", "/var/lib/wicked/iaid.xml",
        // Network interfaces of other hardware (udev before systemd 197), and yum's identifier of the machine
        "/etc/udev/rules.d/70-persistent-net.rules", "/etc/udev/rules.d/75-persistent-net-generator.rules", "/var/lib/yum/uuid",
    ]

    /// Those that are in a root, sorted. What a link on the way leads out of the root to is left out.
    public static func files(in root: FilePath) -> [FilePath] {
        let top = resolved(root) ?? root
        return patterns.flatMap { pattern -> [FilePath] in
            var found = glob_t()
            defer { globfree(&found) }
            // The root's own path can have characters of patterns.
            let escaped = root == "/" ? "" : root.string.map { "\\*?[]".contains($0) ? "\\\($0)" : String($0) }.joined()
            guard glob(escaped + pattern, 0, nil, &found) == 0 else { return [] }
            return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { FilePath(platformString: $0) } }
        }.filter { isRegularFile($0) && resolved($0.removingLastComponent())?.starts(with: top) == true }.sorted { $0.string < $1.string }
    }
}
