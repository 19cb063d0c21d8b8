import ConfigurationTree
import HostSystem
import RootFilesystem
import SystemPackage
import Testing

@Suite("Underlays and overlays", .enabled(if: Bench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct OverlayTests {
    @Test("group before machine, each in alphanumeric order; hidden entries only in a layer's root")
    func order() async throws {
        try await Bench.with(
            #"""
            for layer in group/20-b group/10-a machine/20-y machine/100-x; do
                folder="${!layer%%/*}/root-overlays/${layer#*/}"
                mkdir -p "$folder/etc/.hidden" "$folder/.git"
                echo "$layer" > "$folder/etc/motd"; echo "$layer" > "$folder/etc/${layer#*/}"; echo x > "$folder/.gitignore"; echo x > "$folder/etc/.hidden/.gitignore"
            done
            """#.replacing(
                "${!layer%%/*}", with: #"$(if [[ $layer == group/* ]]; then echo "$group"; else echo "$machine"; fi)"#)
        ) { bench in
            let outcome = try await bench.compose()
            #expect(outcome.layers.map { $0.lastComponent?.string } == ["10-a", "20-b", "100-x", "20-y"])
            #expect(
                try await bench.look(
                    "cat etc/motd; ls -A . | grep '^[.]' || echo none; cat etc/.hidden/.gitignore; cat etc/10-a etc/100-x"
                ) == [
                    "machine/20-y", "none", "x", "group/10-a", "machine/100-x",
                ])
            #expect(outcome.overlaidPaths.contains("/etc/motd"))
            #expect(outcome.overlaidPaths.filter { $0 == "/etc/motd" }.count == 1)
            #expect(!outcome.overlaidPaths.contains("/etc"))
        }
    }

    @Test(
        "folders of the root keep mode and owner; new files belong to root with Git's modes, also below a setgid folder"
    )
    func modes() async throws {
        try await Bench.with(
            #"""
            layer="$machine/root-overlays/1"; mkdir -p "$layer"/{etc,var/local/new,opt/deep}
            chmod 0700 "$installed/etc"; chown 7:8 "$installed/etc"; chmod 0777 "$layer/etc"; chmod 0750 "$layer/opt"
            echo x > "$layer/var/local/file"; echo x > "$layer/var/local/new/run"; chmod 755 "$layer/var/local/new/run"; ln -s file "$layer/var/local/link"; mkfifo -m 622 "$layer/var/local/pipe"
            chown -R 1234:1234 "$layer"; echo x > "$layer/opt/suid"; chmod 4711 "$layer/opt/suid"
            """#
        ) { bench in
            try await bench.compose()
            #expect(
                try await bench.look(
                    "stat -c '%n %a %u:%g %F' etc opt opt/deep opt/suid var/local var/local/* var/local/new/run") == [
                        "etc 700 7:8 directory", "opt 755 0:0 directory", "opt/deep 755 0:0 directory",
                        "opt/suid 755 0:0 regular file",
                        "var/local 2775 0:50 directory",
                        "var/local/file 644 0:0 regular file", "var/local/link 777 0:0 symbolic link",
                        "var/local/new 755 0:0 directory",
                        "var/local/pipe 644 0:0 fifo", "var/local/new/run 755 0:0 regular file",
                    ])
            #expect(
                try await bench.look("stat -c %Y opt opt/suid var/local/link var/local/pipe | sort -u") == [
                    "1500000000"
                ])
        }
    }

    @Test("a folder follows the root's links to folders, which never lead out of the root")
    func links() async throws {
        try await Bench.with(
            #"""
            mkdir -p "$folder/outside/sub"; ln -s "$folder/outside" "$installed/opt"; mkdir -p "$installed$folder/outside"
            ln -s ../../../../../../../../var/log "$installed/usr/log"
            layer="$machine/root-overlays/1"; mkdir -p "$layer"/{bin,sbin,opt/sub,usr/log}
            echo x > "$layer/bin/new"; echo x > "$layer/sbin/new"; echo x > "$layer/opt/sub/file"; echo x > "$layer/usr/log/file"
            ln -s /etc/passwd "$layer/bin/absolute"; ln -s ../../.. "$layer/bin/up"; ln -s nowhere "$layer/bin/dangling"
            echo x > "$layer/target"; mkdir -p "$machine/root-overlays/2/trick/etc" "$machine/root-overlays/1/x"; ln -s / "$layer/trick"
            echo pwned > "$machine/root-overlays/2/trick/etc/hostname"
            echo pwned > "$folder/host-file"; ln -s "$folder/host-file" "$installed/etc/replaced"; mkdir "$layer/etc"; echo y > "$layer/etc/replaced"
            """#
        ) { bench in
            let hostname = try await bench.shell("cat /etc/hostname")
            let outcome = try await bench.compose()
            #expect(
                try await bench.look(
                    "readlink bin sbin opt; cat usr/bin/new usr/sbin/new var/log/file .$folder/outside/sub/file; readlink usr/bin/absolute usr/bin/up usr/bin/dangling; cat etc/hostname etc/replaced"
                )
                    == [
                        "usr/bin", "/usr/sbin", "\(bench.folder)/outside", "x", "x", "x", "x", "/etc/passwd",
                        "../../..", "nowhere", "pwned", "y",
                    ])
            #expect(
                try await bench.shell("find $folder/outside -type f; cat $folder/host-file; cat /etc/hostname")
                    == "pwned\n" + hostname)
            // By the packages' own paths.
            #expect(outcome.overlaidPaths.contains("/usr/bin/new"))
            #expect(outcome.overlaidPaths.contains("/usr/sbin/new"))
            #expect(outcome.overlaidPaths.contains("/var/log/file"))
            #expect(!outcome.overlaidPaths.contains("/bin/new"))
        }
    }

    @Test("a file for a folder and a folder for a file are errors, reported together")
    func conflicts() async throws {
        try await Bench.with(
            #"""
            layer="$machine/root-overlays/1"; mkdir -p "$layer/etc/motd" "$layer/usr/lost" "$layer/var"
            echo x > "$layer/etc/ssh"; echo x > "$layer/bin"; ln -s /srv "$layer/var/log"
            ln -s nowhere "$installed/usr/lost"
            """#
        ) { bench in
            let failure = try await bench.failure()
            let layer = bench.tree.pushing("demo/machines/one/root-overlays/1")
            #expect(failure.kind == .overlay)
            #expect(failure.message.split(separator: "\n").count == 5)
            for text in [
                "\(layer)/etc/motd: error: a folder, but /etc/motd of the root is not; expected a file",
                "\(layer)/etc/ssh: error: not a folder, but /etc/ssh of the root is one",
                "\(layer)/bin: error: not a folder, but /bin of the root is one",
                "\(layer)/var/log: error: not a folder, but /var/log of the root is one",
                "\(layer)/usr/lost: error: a folder, but /usr/lost of the root is a broken link",
            ] {
                #expect(failure.message.contains(text), "\(text)\nin\n\(failure.message)")
            }
        }
    }

    @Test("contents, hard links and names that are not UTF-8 are copied")
    func contents() async throws {
        try await Bench.with(
            #"""
            layer="$machine/root-overlays/1"; mkdir -p "$layer/opt/"$'latin-\xe9'
            head -c 5000001 /dev/urandom > "$layer/opt/big"; truncate -s 3G "$layer/opt/sparse"; : > "$layer/opt/empty"
            echo x > "$layer/opt/"$'latin-\xe9/n\xffl'; ln "$layer/opt/big" "$layer/opt/twin"; echo 'a  b' > "$layer/opt/ spaced \\ name"
            setfattr -n user.note -v x "$layer/opt/empty" 2>/dev/null || true
            """#
        ) { bench in
            try await bench.compose()
            let listing = try await bench.look(
                #"""
                layer="$machine/root-overlays/1"; cmp "$layer/opt/big" opt/big; cmp "$layer/opt/twin" opt/twin; stat -c %h opt/big
                stat -c %s opt/sparse opt/empty; (($(stat -c %b opt/sparse) < 100)) || echo not sparse; cat opt/$'latin-\xe9/n\xffl' 'opt/ spaced \ name'
                """#)
            #expect(listing == ["2", "3221225472", "0", "x", "a  b"])
        }
    }

    @Test("permissions take names of the root's own accounts, numbers, setuid bits and capabilities")
    func permissions() async throws {
        try await Bench.with(
            #"""
            layer="$machine/root-overlays/1"; mkdir -p "$layer/opt"; echo x > "$layer/opt/a"; echo x > "$layer/opt/b"; ln -s a "$layer/opt/link"
            cat > "$layer.permissions" <<'END'
            # path owner group mode
            /opt/a www-data adm 4750
            /opt/b 12 34 755 cap_net_raw,cap_net_bind_service=ep
            /opt www-data www-data 2770
            /bin/tool root www-data 710
            /opt/link www-data www-data 777
            END
            """#
        ) { bench in
            try await bench.compose()
            // Compared by number, since the host has another www-data.
            #expect(
                try await bench.look("stat -c '%n %a %u:%g' opt opt/* usr/bin/tool; getcap opt/b") == [
                    "opt 2770 4711:4712", "opt/a 4750 4711:4", "opt/b 755 12:34", "opt/link 777 4711:4712",
                    "usr/bin/tool 710 0:4712",
                    "opt/b cap_net_bind_service,cap_net_raw=ep",
                ])
            // VFS_CAP_REVISION_2 of linux/capability.h, with the effective bit; little-endian.
            #expect(
                try await bench.look("getfattr --only-values -n security.capability opt/b | od -An -tx1 -N4") == [
                    " 01 00 00 02"
                ])
        }
    }

    @Test("every wrong line of permissions is reported")
    func badPermissions() async throws {
        try await Bench.with(
            #"""
            layer="$machine/root-overlays/1"; mkdir -p "$layer/opt"; echo x > "$layer/opt/a"
            printf '/opt/a daemon root 644\n/opt/a root games 644\n/opt/none root root 644\n/opt/a root root 755 cap_fly=ep\n/opt root root 755 cap_net_raw=ep\n/opt/a root root 640\n' > "$layer.permissions"
            """#
        ) { bench in
            let failure = try await bench.failure()
            let file = bench.tree.pushing("demo/machines/one/root-overlays/1.permissions")
            #expect(failure.message.split(separator: "\n").count == 5)
            for text in [
                "\(file):1: error: unknown user 'daemon'", "\(file):2: error: unknown group 'games'",
                "\(file):3: error: the root does not have /opt/none", "\(file):4: error: invalid capabilities 'cap_fly=ep'",
                "\(file):5: error: /opt cannot have capabilities",
            ] {
                #expect(failure.message.contains(text), "\(text)\nin\n\(failure.message)")
            }
        }
    }

    @Test("a layer that brings an account can give files to it")
    func ownAccount() async throws {
        try await Bench.with(
            #"""
            layer="$machine/root-overlays/1"; mkdir -p "$layer/etc"; cp "$installed/etc/passwd" "$layer/etc/"; echo 'new:x:777:777::/:/bin/sh' >> "$layer/etc/passwd"
            echo '/etc/motd new 777 600' > "$layer.permissions"
            """#
        ) { bench in
            try await bench.compose()
            #expect(try await bench.look("stat -c '%u:%g %a' etc/motd") == ["777:777 600"])
        }
    }

    @Test("underlays are copied into an empty root by the same rules")
    func underlays() async throws {
        try await Bench.with(
            #"""
            rm -rf "$installed"; mkdir -p "$installed"
            mkdir -p "$group/root-underlays/1/etc" "$machine/root-underlays/1/etc"; echo group > "$group/root-underlays/1/etc/x"; echo machine > "$machine/root-underlays/1/etc/x"
            echo y > "$group/root-underlays/1/etc/y"; : > "$group/root-underlays/1/.gitignore"
            printf '/etc/y root 5 4711\n' > "$group/root-underlays/1.permissions"
            """#
        ) { bench in
            let tree = ConfigurationTree(at: bench.tree)
            let group = try #require(tree.groups.first)
            var job = UnderlayJob(
                installRoot: bench.installed, layers: group.rootUnderlays + group.machines[0].rootUnderlays,
                sourceDateEpoch: Bench.epoch)
            let paths = try await Bench.worker.run(job)
            #expect(paths == ["/etc", "/etc/x", "/etc/y"])
            #expect(
                try await bench.shell(
                    "cd $installed; find . -printf '%P %m %U:%G\\n' | sort; cat etc/x; stat -c %Y etc/x etc"
                ).split(separator: "\n") == [
                    " 755 0:0", "etc 755 0:0", "etc/x 644 0:0", "etc/y 4711 0:5", "machine", "1500000000", "1500000000",
                ])
            try await bench.shell("echo '/etc/x nobody root 644' > $machine/root-underlays/1.permissions")
            job.layers = ConfigurationTree(at: bench.tree).groups[0].machines[0].rootUnderlays
            await #expect(throws: WorkerFailure.self) { try await Bench.worker.run(job) }
        }
    }

    @Test("a full disk is reported once, with the file that did not fit")
    func fullDisk() async throws {
        try await Bench.with(
            #"""
            layer="$machine/root-underlays/1"; mkdir -p "$layer/opt/deep"
            for index in {10..60}; do head -c 200000 /dev/urandom > "$layer/opt/deep/$index"; echo x > "$layer/opt/after-$index"; done
            echo '/opt root root 700' > "$layer.permissions"
            # The worker finds a small file system at the root, in a name space that is gone with it.
            cat > "$folder/worker" <<END
            #!/bin/bash
            exec unshare --mount bash -ec 'mount -t tmpfs -o size=2m tmpfs $installed; exec \(Bench.worker.program) "\$@"' worker "\$@"
            END
            chmod 755 "$folder/worker"
            """#.replacing("\\(Bench.worker.program)", with: Bench.worker.program.string)
        ) { bench in
            let layers = try #require(ConfigurationTree(at: bench.tree).groups.first?.machines.first?.rootUnderlays)
            let job = UnderlayJob(installRoot: bench.installed, layers: layers, sourceDateEpoch: Bench.epoch)
            do {
                _ = try await Worker(program: bench.folder.appending("worker")).run(job)
                Issue.record("it fitted")
            } catch let failure as WorkerFailure {
                #expect(failure.message.split(separator: "\n").count == 1, "\(failure.message)")
                #expect(failure.message.contains("root-underlays/1/opt/deep/"))
                #expect(failure.message.contains("No space left on device"))
            }
        }
    }
}
