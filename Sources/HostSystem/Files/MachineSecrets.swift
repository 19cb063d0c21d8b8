public import SystemPackage

/// Files that programs of a machine fill with random bytes to tell it from all others. In an image every copy would have the same ones; without
/// them, each machine makes its own at its first start.
public enum MachineSecrets {
    public static let paths: [FilePath] = [
        // systemd-random-seed.service(8), systemd-creds(1)
        "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret",
        // dbus-uuidgen(1): /etc/machine-id is used when this file does not exist.
        "/var/lib/dbus/machine-id",
    ]
}
