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

    @Test("secrets that the tree brings stay and are reported; times are at most SOURCE_DATE_EPOCH")
    func secrets() async throws {
        try await Bench.with(
            #"""
            mkdir -p "$machine/root-overlays/1/var/lib/systemd" "$machine/root-overlays/1/etc/ssh"
            echo mine > "$machine/root-overlays/1/var/lib/systemd/random-seed"
            echo key > "$machine/root-overlays/1/etc/ssh/ssh_host_rsa_key"
            find "$installed" -exec touch --no-dereference --date=@1400000000 {} +
            """#
        ) { bench in
            try await bench.compose(files: files)
            for path in ["/etc/ssh/ssh_host_rsa_key", "/var/lib/systemd/random-seed"] {
                #expect(bench.sayings.warnings.contains { $0.contains("\(path); every copy of this image has the same") }, "\(path)")
            }
            #expect(try await bench.look("cat var/lib/systemd/random-seed etc/ssh/ssh_host_rsa_key") == ["mine", "key"])
            #expect(try await bench.look("find . -newermt @1500000000 -printf '%P\\n'") == [])
        }
    }

    @Test("what scriptlets made of the constants becomes the machine's own: boot entries, their names and folders, and any text")
    func constants() async throws {
        try await Bench.with(
            #"""
            id=\#(GuestConstants.machineID)
            mkdir -p "$installed"/boot/loader/entries "$installed/boot/$id/6.1/inner" "$installed/etc/app"
            printf 'title A\nversion 6.1\nmachine-id %s\noptions %s $tuned_params\nlinux /%s/6.1/linux\n'                 $id '\#(GuestConstants.kernelCommandLine)' $id > "$installed/boot/loader/entries/$id-6.1.conf"
            printf 'title B\noptions $kernelopts\n' > "$installed/boot/loader/entries/$id-0-rescue.conf"
            printf 'title C\noptions root=/dev/sda1\n' > "$installed/boot/loader/entries/other.conf"
            printf kernel > "$installed/boot/$id/6.1/linux"; ln -s linux "$installed/boot/$id/6.1/link"; chmod 0700 "$installed/boot/$id/6.1"
            printf rescue > "$installed/boot/vmlinuz-0-rescue-$id"
            echo "id $id on \#(GuestConstants.rootUUID)" > "$installed/etc/app/conf"; chown 7:8 "$installed/etc/app/conf"; chmod 0640 "$installed/etc/app/conf"
            """#
        ) { bench in
            let id = GuestConstants.machineID
            let places = try await bench.shell(
                "cd \"$installed\"; find boot/loader/entries/*.conf boot/\(id) boot/vmlinuz-0-rescue-\(id) etc/app/conf -path '*/boot/\(id)/*' -o -printf '/%p\\n'"
            ).split(separator: "\n").map { FilePath(String($0)) }
            try await bench.compose(constantPlaces: places)
            #expect(try await bench.look("grep -rl -e \(id) -e \(GuestConstants.rootUUID) . || :; find . -name '*\(id)*'") == [])
            let own = Bench.machineID
            #expect(
                try await bench.look("cat boot/loader/entries/\(own)-6.1.conf") == [
                    "title A", "version 6.1", "machine-id \(own)", "options root=UUID=\(Bench.rootUUID) ro quiet $tuned_params",
                    "linux /\(own)/6.1/linux",
                ])
            #expect(
                try await bench.look("grep -h options boot/loader/entries/{\(own)-0-rescue,other}.conf") == [
                    "options root=UUID=\(Bench.rootUUID) ro quiet", "options root=UUID=\(Bench.rootUUID) ro quiet root=/dev/sda1",
                ])
            #expect(
                try await bench.look(
                    "cat boot/\(own)/6.1/linux; echo; readlink boot/\(own)/6.1/link; stat -c %a boot/\(own)/6.1; cat boot/vmlinuz-0-rescue-\(own); echo; stat -c '%u:%g %a' etc/app/conf; cat etc/app/conf"
                ) == ["kernel", "linux", "700", "rescue", "7:8 640", "id \(own) on \(Bench.rootUUID)"])
        }
    }
}
