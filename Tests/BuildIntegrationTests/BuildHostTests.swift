import Foundation
import Testing

/// What scriptlets see of the machine, and what of that stays: judged by what this host says of itself.
@Suite("The build host", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct BuildHostTests {
    /// Words that only this host has.
    private static func traces() async throws -> [String] {
        let words = try await shell(
            "uname -r; cat /proc/version /proc/cmdline; sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1; cat /proc/sys/kernel/random/boot_id; cat /etc/machine-id || :"
        )
        // Too short a word is in many files.
        return words.split(separator: "\n").map(String.init).filter { $0.utf8.count > 5 }
    }

    /// A package whose scriptlets write down all that they see, and make what a machine makes once.
    private static let curious = """
        Name: curious
        Version: 1
        Release: 1
        Summary: x
        License: none
        Requires(post): bash coreutils findutils
        Requires: filesystem
        %description
        x
        %install
        mkdir -p %{buildroot}/usr/lib/modules/5.14.0-1.el9.x86_64/kernel
        touch %{buildroot}/usr/lib/modules/5.14.0-1.el9.x86_64/kernel/a.ko
        %files
        /usr/lib/modules/5.14.0-1.el9.x86_64
        %post -p /bin/bash
        set -e
        {
            uname -a
            for file in $(find /proc -maxdepth 1 -type f) $(find /proc/sys /sys -type f ! -name uuid); do echo "== $file"; cat "$file"; done
            find /sys /dev
            cat /etc/machine-id /etc/hostname /etc/kernel/cmdline /etc/kernel/entry-token /etc/dracut.conf.d/*
        } > /seen
        uname -r > /release
        uname -n > /name
        cat /proc/sys/kernel/hostname >> /name
        chmod 0750 /dev
        mkdir -p /etc/ssh /var/lib/systemd /var/log/journal/1 /var/lib/dhclient /var/lib/NetworkManager
        made="/etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_rsa_key.pub /var/lib/systemd/random-seed /var/log/journal/1/system.journal"
        for file in $made /var/lib/dhclient/dhclient.leases /var/lib/NetworkManager/secret_key; do echo made > $file; done

        """

    @Test("says nothing of itself to scriptlets, and instances' secrets of scriptlets are not in the root")
    func curious() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet + "findutils\n", machine: Sandbox.noBootLoader)
            try Self.curious.write(toFile: folder + "/curious.spec", atomically: true, encoding: .utf8)
            let machine = tree + "/test/machines/one"
            _ = try await shell(
                """
                cd '\(folder)'
                rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD" --define '_build_id_links none' curious.spec 2>&1
                mkdir '\(machine)/rpms'; mv x86_64/*.rpm '\(machine)/rpms/'
                mkdir -p '\(machine)/root-underlays/1/etc/ssh'; echo brought > '\(machine)/root-underlays/1/etc/ssh/ssh_host_ecdsa_key'
                """)
            let cache = folder + "/cache"
            let built = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
            #expect(built.status == 0, "\(built.output)\(built.errors)")
            let root = cache + "/test/one/minimal-appliance/installed-packages/root"
            for word in try await Self.traces() {
                let found = try await run(["grep", "-rlF", "--", word, root]).output
                #expect(found == "", "'\(word)' of the build host")
            }
            #expect(try await shell("cat '\(root)/name'") == "localhost\nlocalhost\n")
            // The guest's own kernel.
            #expect(try await shell("cat '\(root)/release'") == "5.14.0-1.el9.x86_64\n")
            #expect(try await shell("cd '\(root)'; stat -c '%n %a' proc sys dev") == "proc 755\nsys 755\ndev 750\n")
            let left = try await shell(
                "cd '\(root)'; find etc/ssh var/lib/systemd/random-seed var/log/journal var/lib/dhclient var/lib/NetworkManager -type f || :; ls etc/kernel etc/dracut.conf.d etc/machine-id || :"
            )
            #expect(left == "etc/ssh/ssh_host_ecdsa_key\n", "\(left)")
            #expect((built.output + built.errors).contains("/etc/ssh/ssh_host_ecdsa_key; every copy of this image has the same"), "\(built)")
        }
    }
}

/// The first scriptlet of Enterprise Linux's `filesystem` makes /proc and /sys and sets their modes, where mounts are during installation.
@Suite("Modes of /proc, /sys and /dev", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct MountedFolderTests {
    private static let spec = """
        Name: setup
        Version: 1
        Release: 1
        Summary: x
        License: none
        BuildArch: noarch
        %description
        x
        %pretrans -p <lua>
        assert(posix.mkdir("/proc") == 0)
        posix.mkdir("sys/")
        assert(posix.chmod("/proc", 0555) == 0)
        assert(posix.chmod("//sys/.", "0511") == 0)
        posix.mkdir("/dev")
        posix.chmod("./dev", "0750")
        %install
        mkdir -p %{buildroot}/usr
        %files
        %dir /usr
        %ghost %attr(0555,root,root) %dir /proc
        %ghost %attr(0511,root,root) %dir /sys

        """

    @Test("are those that rpm gives them")
    func lua() async throws {
        try await Sandbox.withFolder { folder in
            try Self.spec.write(toFile: folder + "/setup.spec", atomically: true, encoding: .utf8)
            _ = try await shell(
                """
                cd '\(folder)'; mkdir r plain
                rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD/r" setup.spec 2>&1; createrepo_c -q r
                rpm --root "$PWD/plain" --dbpath /var/lib/rpm --force-debian -i --nodeps r/noarch/*.rpm
                """)
            let tree = try SmallRepository.tree(
                in: folder, machines: ["m": "setup\n"], repositories: ["r": "baseurl=file://\(folder)/r\ngpgcheck=0"])
            let built = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
            #expect(built.status == 0, "\(built.output)\(built.errors)")
            let modes = "stat -c '%n %a %u:%g' proc sys dev"
            let judge = try await shell("cd '\(folder)/plain'; \(modes)")
            #expect(try await shell("cd '\(folder)/cache/g/m/minimal-appliance/installed-packages/root'; \(modes)") == judge)
            #expect(judge.contains("sys 511") && judge.contains("dev 750"), "\(judge)")
        }
    }
}

/// A kernel whose scriptlets are like Enterprise Linux's: kernel-install(8), dracut for this hardware alone unless a file says otherwise, boot entries named after the
/// machine-id, weak-modules. One root for the whole suite.
@Suite("Enterprise Linux's kernel", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct EnterpriseKernelTests {
    static let folder = "/var/tmp/discographer-enterprise-test-\(getpid())"
    private static let controllers =
        ProcessInfo.processInfo.environment["DISCOGRAPHER_TEST_ALL"] == "1" ? ["sata", "virtio", "ide"] : ["sata"]

    private static func build() async throws -> Run {
        try await Sandbox.discographer(["build", "-c", folder + "/tree", "-s", folder + "/cache", "test"])
    }

    @Test("makes boot entries of the machine's own, and an initramfs for all hardware")
    func entries() async throws {
        _ = try await shell("mkdir -p '\(Self.folder)'")
        let tree = try await Sandbox.makeTree(in: Self.folder)
        _ = try await shell(
            "sed -i 's/^kernel$/kernel-core/' '\(tree)/test/packages'; sed -i 's/outputs:.*/outputs: [qcow2]/' '\(tree)/test/machine-group.yaml'")
        let built = try await Self.build()
        try #require(built.status == 0, "\(built.output)\(built.errors)")
        let place = Self.folder + "/cache/test/one/minimal-appliance"
        let machineID = try await shell("cat '\(place)/compose/changes/etc/machine-id'").trimmingCharacters(in: .newlines)
        let uuid = try await shell("sed -n 's/^UUID=\\([^ ]*\\) .*/\\1/p' '\(place)/compose/changes/etc/fstab'").trimmingCharacters(in: .newlines)
        let entries = try await shell(
            "cd '\(place)/compose/changes/boot/loader/entries'; ls -1 *.conf | while read -r f; do [ ! -f $f ] || { echo $f; grep ^options $f; }; done"
        )
        .split(separator: "\n").map(String.init)
        #expect(entries.filter { $0.hasSuffix(".conf") }.allSatisfy { $0.hasPrefix(machineID + "-") } && entries.count == 4, "\(entries)")
        #expect(
            entries.filter { !$0.hasSuffix(".conf") }.allSatisfy { $0.hasPrefix("options root=UUID=\(uuid) ro ") && $0.hasSuffix(" $tuned_params") },
            "\(entries)")
        let modules = try await shell("zcat '\(place)/installed-packages/root/boot/'initramfs-6*.img | cpio --quiet -t | sed 's,.*/,,'").split(
            separator: "\n")
        for module in ["ahci.ko", "ata_piix.ko", "virtio_blk.ko", "nvme.ko", "mptspi.ko"] {
            #expect(modules.contains(Substring(module)), "\(module)")
        }
        // Of the changes, whiteouts have the constant's name.
        let constant = "23087e990cd354ad8352b3be84e1ad11"
        let found = try await run(["grep", "-rlF", constant, place + "/compose/changes"]).output
        #expect(found == "")
    }

    @Test("boots from a disk controller that the build host does not have", arguments: controllers)
    func boots(_ controller: String) async throws {
        let yaml = "hardware: {diskController: \(controller)}\n"
        try yaml.write(toFile: Self.folder + "/tree/test/machines/one/machine.yaml", atomically: true, encoding: .utf8)
        let built = try await Self.build()
        #expect(built.status == 0, "\(built.output)\(built.errors)")
        let run = try await Sandbox.discographer([
            "run", "-v", "-c", Self.folder + "/tree", "-s", Self.folder + "/cache", "--headless", "--until", "one login:", "--timeout", "1200",
            "test/one",
        ])
        #expect(run.status == 0, "\(run.output.suffix(4000))\(run.errors)")
    }

    @Test("is removed")
    func cleansUp() async throws { _ = try await run(["rm", "-rf", "--one-file-system", Self.folder]) }
}
