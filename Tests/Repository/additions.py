"""What Debian's maintainer scripts would have done and an RPM must bring itself: links, capabilities, users, scriptlets."""

# Debian's alternatives, as plain links of the package that would register them.
LINKS = {
    "mawk": [("/usr/bin/awk", "mawk"), ("/usr/bin/nawk", "mawk")],
    "gawk": [("/usr/bin/awk", "gawk"), ("/usr/bin/nawk", "gawk")],
    "vim-tiny": [("/usr/bin/vi", "vim.tiny"), ("/usr/bin/view", "vim.tiny")],
    "less": [("/usr/bin/pager", "less")],
    "nano": [("/usr/bin/editor", "nano")],
    "openjdk-17-jre-headless": [("/usr/bin/java", "../lib/jvm/java-17-openjdk-amd64/bin/java")],
    "systemd": [("/etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target")],
    "debianutils": [("/usr/bin/which", "which.debianutils")],
    "rsyslog": [("/etc/systemd/system/syslog.service", "/usr/lib/systemd/system/rsyslog.service")],
}

# File capabilities that Debian sets in a postinst.
CAPABILITIES = {"iputils-ping": {"/usr/bin/ping": "cap_net_raw=ep"}}

# Modes that Debian sets in a postinst: path -> (mode, owner, group).
MODES = {
    "passwd": {
        "/usr/bin/chage": (0o2755, "root", "shadow"),
        "/usr/bin/expiry": (0o2755, "root", "shadow"),
    },
    "openssh-client": {"/usr/bin/ssh-agent": (0o2755, "root", "_ssh")},
    # As its tmpfiles.d will have it.
    "postgresql-common": {"/var/log/postgresql": (0o1775, "root", "postgres")},
}

# Paths that the package provides beside its files: what other packages' scriptlets name as interpreter.
PROVIDES = {
    "bash": ["/bin/bash"],
    "dash": ["/bin/sh"],
    "libc-bin": ["/sbin/ldconfig"],
    "libc6": ["rtld(GNU_HASH)"],
    "coreutils": ["/bin/mkdir", "/bin/chmod"],
}

# Files that a package gets besides Debian's: destination -> text.
TEXTS = {
    "systemd": {
        # Debian's presets enable every unit there is; its packages enable their own by maintainer scripts.
        "/usr/lib/systemd/system-preset/10-server.preset": "".join(
            f"enable {unit}\n"
            for unit in "ssh.service rsyslog.service nginx.service postgresql.service systemd-timesyncd.service "
            "getty@.service remote-fs.target e2scrub_reap.service".split()
        )
        + "disable *\n",
    },
}

# What scriptlets need beside Debian's dependencies.
REQUIRES = {
    "ca-certificates": ["Requires(post): coreutils, findutils, grep, openssl, sed"],
    "systemd": ["Requires: coreutils, grep"],
}

# Users that a package's files or daemons need before its files are written.
USERS = {
    "openssh-server": ["sshd:!:100:65534::/run/sshd:/usr/sbin/nologin"],
    "openssh-client": ["group:_ssh:101"],
    "dbus-daemon": ["messagebus:!:102:102::/nonexistent:/usr/sbin/nologin"],
    "dbus-system-bus-common": ["messagebus:!:102:102::/nonexistent:/usr/sbin/nologin"],
    "postgresql-common": ["postgres:!:110:110:PostgreSQL administrator:/var/lib/postgresql:/bin/bash"],
    "systemd": [
        "group:systemd-journal:996",
        "systemd-network:!:998:998:systemd Network Management:/:/usr/sbin/nologin",
    ],
    "systemd-timesyncd": ["systemd-timesync:!:997:997:systemd Time Synchronization:/:/usr/sbin/nologin"],
    "udev": ["group:input:995", "group:sgx:994", "group:kvm:993", "group:render:992"],
}

# Files that a postinst copies into place: destination -> source in the same package.
COPIES = {
    "libc-bin": {"/etc/nsswitch.conf": "/usr/share/libc-bin/nsswitch.conf"},
    "base-files": {
        "/etc/profile": "/usr/share/base-files/profile",
        "/root/.bashrc": "/usr/share/base-files/dot.bashrc",
        "/root/.profile": "/usr/share/base-files/dot.profile",
        "/etc/motd": "/usr/share/base-files/motd",
    },
    "openssh-server": {"/etc/ssh/sshd_config": "/usr/share/openssh/sshd_config"},
}

SCRIPTLETS = {
    # A library that comes later than the loader's cache is still found, and the cache is made once, at the end.
    "libc-bin": """
%post -p /usr/sbin/ldconfig
%transfiletriggerin -- /usr/lib /usr/lib64
/usr/sbin/ldconfig
""",
    # Units are enabled as the distribution's presets say; users and folders as sysusers.d and tmpfiles.d say.
    "systemd": """
%transfiletriggerin -- /usr/lib/systemd/system
# Debian masks the units of its old init scripts, and preset-all counts them as failures.
/usr/bin/systemctl preset-all --preset-mode=enable-only 2>&1 | grep -v -e 'is masked' -e 'Created symlink' || :
%transfiletriggerin -P 1000099 -- /usr/lib/sysusers.d
/usr/bin/systemd-sysusers
%transfiletriggerin -P 1000098 -- /usr/lib/tmpfiles.d
# 65 and 73: some line was not applied; those with the machine's id, which a root has not yet.
/usr/bin/systemd-tmpfiles --create --boot --exclude-prefix=/dev --exclude-prefix=/proc --exclude-prefix=/sys \\
    --exclude-prefix=/run --exclude-prefix=/tmp --exclude-prefix=/var/log/journal || case $? in 65 | 73) ;; *) exit 1 ;; esac
""",
    "ca-certificates": """
%post
find /usr/share/ca-certificates -name '*.crt' | sed 's,^/usr/share/ca-certificates/,,' | LC_ALL=C sort > /etc/ca-certificates.conf
/usr/sbin/update-ca-certificates --fresh > /dev/null
""",
    "kernel": """
%posttrans
set -e
/usr/sbin/depmod -a {kernel_release}
/usr/bin/dracut --force --quiet --no-hostonly --no-hostonly-cmdline --reproducible --no-early-microcode \\
    --modules "base rootfs-block kernel-modules udev-rules fs-lib" --strip --compress 'zstd -q -T0 -3' \\
    --add-drivers "virtio_blk virtio_pci virtio_scsi ext4 xfs btrfs vfat nvme sd_mod" \\
    /boot/initramfs-{kernel_release}.img {kernel_release}
""",
}
