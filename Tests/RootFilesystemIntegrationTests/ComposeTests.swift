import ConfigurationTree
import HostSystem
import RootFilesystem
import SystemPackage
import Testing

@Suite("Devices, /init and the last changes", .enabled(if: Bench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct ComposeTests {
    @Test("devices have their numbers, owner and exact modes; /init is a copy of the machine's")
    func devices() async throws {
        try await Bench.with(
            #"""
            printf '/dev/ram0 b 660 1 0\n/dev/null c 0666 1 3\n/dev/a/b/deep c 4627 511 1048575\n/dev/shared c 600 1 5\n' > "$group/devices"
            printf '/dev/xconsole p 0755\n/dev/log p 606\n/dev/shared c 622 1 7\n' > "$machine/devices"
            mkfifo -m 600 "$installed/dev/log"; mknod -m 600 "$installed/dev/null" c 9 9; chown 7:7 "$installed/dev/null"
            """#
        ) { bench in
            let outcome = try await bench.compose()
            #expect(outcome.deviceCount == 7)
            let listing = try await bench.look("stat -c '%n %F %a %u:%g %t:%T %Y' dev/* dev/a/b dev/a/b/deep init")
            #expect(
                listing == [
                    "dev/a directory 755 0:0 0:0 1500000000",
                    "dev/log fifo 606 0:0 0:0 1500000000",
                    "dev/null character special file 666 0:0 1:3 1500000000",
                    "dev/ram0 block special file 660 0:0 1:0 1500000000",
                    "dev/shared character special file 622 0:0 1:7 1500000000",
                    "dev/xconsole fifo 755 0:0 0:0 1500000000",
                    "dev/a/b directory 755 0:0 0:0 1500000000",
                    "dev/a/b/deep character special file 4627 0:0 1ff:fffff 1500000000",
                    "init regular file 755 0:0 0:0 1500000000",
                ])
            _ = try await bench.look("cmp init /bin/true")
            #expect(try await bench.look("stat -c %a .; stat -c %Y dev") == ["555", "1500000000"])
            // The installed packages do not change.
            #expect(
                try await bench.shell("stat -c '%u %t:%T' $installed/dev/null; ls $installed/init 2>&1 || true")
                    .hasPrefix("7 9:9\nls:"))
        }
    }

    @Test("every device that cannot be made is reported with its line")
    func obstacles() async throws {
        try await Bench.with(
            #"""
            printf '/dev/good c 600 1 3\n/etc/motd c 600 1 3\n\n/var/log c 600 1 3\n/etc/motd/x p 600\n/bin p 600\n' > "$machine/devices"
            """#
        ) { bench in
            let failure = try await bench.failure()
            let file = bench.tree.pushing("demo/machines/one/devices")
            #expect(failure.kind == .devices)
            let lines = failure.message.split(separator: "\n")
            #expect(lines.count == 4)
            #expect(failure.message.contains("\(file):2: error: /etc/motd cannot be made: the packages have a file"))
            #expect(failure.message.contains("\(file):4: error: /var/log cannot be made: the packages have a folder"))
            #expect(failure.message.contains("\(file):5: error: /etc/motd/x cannot be made: "))
            #expect(
                failure.message.contains("\(file):6: error: /bin cannot be made: the packages have a symbolic link"))
        }
    }

    private let files = [
        GeneratedFile(path: "/etc/fstab", text: "from the plan\n", replaces: false),
        GeneratedFile(path: "/etc/machine-id", text: "0123\n", mode: 0o444, replaces: false),
        GeneratedFile(path: "/etc/hostname", text: "one\n", replaces: false),
        GeneratedFile(path: "/boot/grub/grub.cfg", text: "menu\n", mode: 0o600, replaces: true),
    ]

    @Test("generated files replace a package's, but not an overlay's")
    func generated() async throws {
        try await Bench.with(
            #"""
            echo random > "$installed/etc/machine-id"; echo localhost > "$installed/etc/hostname"
            mkdir -p "$machine/root-overlays/1/etc" "$machine/root-overlays/1/boot/grub"
            echo mine > "$machine/root-overlays/1/etc/fstab"; : > "$machine/root-overlays/1/etc/machine-id"
            echo mine > "$machine/root-overlays/1/boot/grub/grub.cfg"
            """#
        ) { bench in
            let outcome = try await bench.compose(files: files)
            #expect(outcome.generatedPaths == ["/etc/hostname", "/boot/grub/grub.cfg"])
            #expect(
                try await bench.look(
                    "cat etc/fstab etc/machine-id etc/hostname boot/grub/grub.cfg; stat -c '%a %U %Y' boot/grub/grub.cfg"
                ) == ["mine", "one", "menu", "600 root 1500000000"])
        }
        try await Bench.with(
            #"echo random > "$installed/etc/machine-id"; ln -s /etc/passwd "$installed/etc/hostname""#
        ) { bench in
            let outcome = try await bench.compose(files: files)
            #expect(outcome.generatedPaths.count == 4)
            #expect(
                try await bench.look("cat etc/fstab etc/machine-id; stat -c '%a %F' etc/machine-id etc/hostname") == [
                    "from the plan", "0123", "444 regular file", "644 regular file",
                ])
            #expect(try await bench.shell("cat $installed/etc/machine-id") == "random\n")
        }
    }

    @Test("with a whitelist every other file loses the bit; without one, none does")
    func setIDs() async throws {
        try await Bench.with(
            #"chmod 2755 "$installed/var/log"; cp -p "$installed/usr/bin/su" "$installed/usr/lib/su""#
        ) { bench in
            func modes() async throws -> String {
                try await bench.look("cd usr/bin; stat -c %a su passwd wall both ../lib/su ../../var/log").joined(
                    separator: " ")
            }
            #expect(try await bench.compose().strippedPaths.isEmpty)
            #expect(try await modes() == "4755 4755 2755 6755 4755 2755")
            // Through a link: /bin is usr/bin.
            var outcome = try await bench.compose(setuid: ["/bin/su", "/usr/bin/none"])
            #expect(outcome.strippedPaths == ["/usr/bin/both", "/usr/bin/passwd", "/usr/lib/su"])
            #expect(try await modes() == "4755 755 2755 2755 755 2755")
            #expect(bench.sayings.warnings.contains { $0.contains("/usr/bin/none") })
            outcome = try await bench.compose(setuid: [], setgid: ["/usr/bin/both"])
            #expect(try await modes() == "755 755 755 2755 755 2755")
            #expect(outcome.strippedPaths.count == 5)
        }
    }

    @Test("random files of packages are removed, but not those of overlays; times are at most SOURCE_DATE_EPOCH")
    func leftovers() async throws {
        try await Bench.with(
            #"""
            for file in var/cache/ldconfig/aux-cache var/lib/systemd/random-seed var/lib/dbus/machine-id var/log/installer; do echo x > "$installed/$file"; done
            echo key > "$installed/etc/ssh/ssh_host_rsa_key"
            mkdir -p "$machine/root-overlays/1/var/lib/systemd"; echo mine > "$machine/root-overlays/1/var/lib/systemd/random-seed"
            find "$installed" -exec touch --no-dereference --date=@1400000000 {} +
            """#
        ) { bench in
            let outcome = try await bench.compose(files: files)
            #expect(outcome.removedPaths == ["/var/cache/ldconfig/aux-cache", "/var/lib/dbus/machine-id"])
            #expect(bench.sayings.warnings.contains { $0.contains("/etc/ssh/ssh_host_rsa_key") })
            #expect(
                try await bench.look(
                    "cat var/lib/systemd/random-seed; ls var/cache/ldconfig var/lib/dbus; cat var/log/installer")
                    == ["mine", "var/cache/ldconfig:", "var/lib/dbus:", "x"])
            #expect(try await bench.look("find . -newermt @1500000000 -printf '%P\\n'") == [])
        }
    }

    @Test("two runs give the same root")
    func repeatable() async throws {
        try await Bench.with(
            #"""
            printf '/dev/null c 666 1 3\n' > "$machine/devices"
            mkdir -p "$machine/root-overlays/1/opt/new/deep"; echo x > "$machine/root-overlays/1/opt/new/deep/file"; ln -s a "$machine/root-overlays/1/opt/link"
            echo 'mkdir -p "$generatedMachineRootOverlaysPath/g/opt"; date +%N > /dev/null; echo y > "$generatedMachineRootOverlaysPath/g/opt/y"' > "$machine/generator-scriptlets/1"
            """#
        ) { bench in
            let state =
                #"find . -printf '%P %y %m %U:%G %l %T@ %s\n' | sort; find . -type f -exec sha256sum {} + | sort"#
            try await bench.compose(files: files)
            let first = try await bench.look(state)
            try await bench.shell(#"sleep 1.1; find "$machine/root-overlays" -exec touch --no-dereference {} +"#)
            try await bench.compose(files: files)
            #expect(try await bench.look(state) == first)
            #expect(first.contains { $0.hasPrefix("opt/new/deep/file f 644 0:0") })
        }
    }
}
