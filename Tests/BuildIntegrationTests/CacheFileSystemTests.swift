import Foundation
import Testing

/// Caches on file systems that cannot hold what builds put into them: refused at the start, with the reason and what helps.
@Suite("File systems of caches", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct CacheFileSystemTests {
    /// A tree whose machine has a package with a device node, a setuid program and a scriptlet that runs it, and one of 24 MiB.
    private static func fixture(in folder: String) async throws -> String {
        let repository = folder + "/repository"
        try FileManager.default.createDirectory(atPath: repository, withIntermediateDirectories: true)
        try """
        %global _binaries_in_noarch_packages_terminate_build 0
        %global __os_install_post %{nil}
        Name: tests
        Version: 1
        Release: 1
        Summary: test
        License: none
        BuildArch: noarch
        AutoReqProv: no
        %description
        %package -n tool
        Summary: test
        Provides: /bin/busybox
        %description -n tool
        %post -n tool -p "/bin/busybox sh"
        /bin/busybox id -u > /etc/ran
        %files -n tool
        %attr(4755, root, root) /bin/busybox
        %dev(c, 1, 3) %attr(0666, root, root) /opt/null
        /etc/passwd
        /etc/group
        %package -n large
        Summary: test
        %description -n large
        %files -n large
        /opt/large
        %install
        mkdir -p %{buildroot}/bin %{buildroot}/etc %{buildroot}/opt
        cp /bin/busybox %{buildroot}/bin
        echo 'root:x:0:0::/root:/bin/sh' > %{buildroot}/etc/passwd
        echo 'root:x:0:' > %{buildroot}/etc/group
        head -c 25165824 /dev/zero > %{buildroot}/opt/large

        """.write(toFile: folder + "/tests.spec", atomically: true, encoding: .utf8)
        _ = try await shell(
            """
            rpmbuild -bb --quiet --define '_topdir \(folder)/top' --define '_rpmdir \(repository)' \
                --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' '\(folder)/tests.spec' 2>&1
            createrepo_c --quiet '\(repository)'
            """)
        let tree = try SmallRepository.tree(
            in: folder, machines: ["m": "tool\n"], repositories: ["r": "baseurl=file://\(repository)\ngpgcheck=0"])
        try "boot: {loader: none}\noutputs: [raw]\ndisks: [{size: 64MiB}]\n".write(
            toFile: tree + "/g/machine-group.yaml", atomically: true, encoding: .utf8)
        return tree
    }

    /// Builds with a cache on what the script mounts at `$mount`.
    private static func build(_ tree: String, in folder: String, mounting script: String) async throws -> (run: Run, entries: [String]) {
        let mount = folder + "/mount"
        _ = try await shell("mkdir -p '\(mount)'; cd '\(folder)'; mount='\(mount)'; \(script)")
        let run = try await Sandbox.discographer(["build", "-c", tree, "-s", mount + "/cache", "g"])
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: mount + "/cache")) ?? []
        _ = try await shell("umount '\(mount)'")
        return (run, entries)
    }

    @Test(
        "that lack something are refused before anything is in the cache",
        arguments: [
            ("mount -t tmpfs -o noexec none $mount", "it is mounted with 'noexec', and scriptlets run programs of the root; remount it with 'exec'"),
            ("mount -t tmpfs none $mount; mkdir $mount/cache; mount -o remount,ro $mount", "Read-only file system; remount it with 'rw'"),
            ("mount -t ramfs none $mount", "files cannot have capabilities (security.capability)"),
            ("mkdir -p a b c; mount -t overlay -o lowerdir=a,upperdir=b,workdir=c none $mount", "it is on overlayfs"),
        ])
    func refused(_ script: String, _ reason: String) async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.fixture(in: folder)
            let (run, entries) = try await Self.build(tree, in: folder, mounting: script)
            #expect(run.status == 1)
            #expect(run.errors.contains("\(folder)/mount/cache: error: the cache can"), "\(run.errors)")
            #expect(run.errors.contains(reason), "\(run.errors)")
            #expect(entries.isEmpty, "\(entries)")
        }
    }

    @Test(
        "that have all of it are taken, mounted with nodev and nosuid too",
        arguments: [
            "truncate -s 128M disk; mkfs.ext4 -q disk; mount -o loop,nodev,nosuid disk $mount",
            "truncate -s 400M disk; mkfs.xfs -q disk; mount -o loop,nodev,nosuid disk $mount",
            "truncate -s 256M disk; mkfs.btrfs -q disk; mount -o loop,nodev,nosuid disk $mount",
            "mount -t tmpfs -o nodev,nosuid none $mount",
        ])
    func taken(_ script: String) async throws {
        let tool = script.firstMatch(of: /mkfs\.[a-z0-9]+/).map { String($0.output) }
        if let tool, try await run(["which", tool]).status != 0 { return }
        try await Sandbox.withFolder { folder in
            let tree = try await Self.fixture(in: folder)
            let (run, _) = try await Self.build(tree, in: folder, mounting: script)
            #expect(run.status == 0, "\(run.output)\(run.errors)")
        }
    }

    @Test("without room or inodes for the transaction are refused with figures, before anything is installed")
    func room() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.fixture(in: folder)
            let inodes = try await Self.build(tree, in: folder, mounting: "mount -t tmpfs -o nr_inodes=45 none $mount")
            #expect(inodes.run.status == 1)
            #expect(inodes.run.errors.contains("does not have enough inodes for this build: it needs more than"), "\(inodes.run.errors)")
            try "tool\nlarge\n".write(toFile: tree + "/g/machines/m/packages", atomically: true, encoding: .utf8)
            let room = try await Self.build(tree, in: folder, mounting: "mount -t tmpfs -o size=32m none $mount")
            #expect(room.run.status == 1)
            let figures =
                /cache: error: the cache does not have room for this build: it needs 5[0-9.]+ MiB \(installed packages 2[0-9.]+ MiB, disks 2[0-9.]+ MiB\), and 3[0-9.]+ MiB are free; free some/
            #expect(room.run.errors.firstMatch(of: figures) != nil, "\(room.run.errors)")
            #expect(!room.run.output.contains("install "), "\(room.run.output)")
        }
    }

    @Test("a machine whose packages are larger than its disks fails before they are fetched, with both figures and the place")
    func disks() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Self.fixture(in: folder)
            try "tool\nlarge\n".write(toFile: tree + "/g/machines/m/packages", atomically: true, encoding: .utf8)
            try "disks: [{size: 16MiB}]\n".write(toFile: tree + "/g/machines/m/machine.yaml", atomically: true, encoding: .utf8)
            let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
            #expect(run.status == 1)
            #expect(run.output.contains("the packages take 2"), "\(run.output)")
            #expect(run.output.contains("raise 'size' of the disks (\(tree)/g/machines/m/machine.yaml:1)"), "\(run.output)")
            #expect(!run.output.contains("fetch "))
        }
    }
}
