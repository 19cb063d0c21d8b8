import ConfigurationTree
import HostSystem
import RootFilesystem
import SystemPackage
import Testing

@Suite("Generator scriptlets", .enabled(if: Bench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct GeneratorTests {
    @Test("see exactly the published variables, after the functions, the group's first")
    func environment() async throws {
        try await Bench.with(
            #"""
            echo 'greet() { echo "hello $1"; }' > "$functions/a.functions"; echo 'exit 9' > "$functions/ignored"
            cat > "$group/generator-scriptlets/50-group" <<'END'
            mkdir -p "$generatedMachineGroupRootOverlaysPath/g/opt"
            env | cut -d= -f1 | sort > "$generatedMachineGroupRootOverlaysPath/g/opt/group-variables"
            greet "$machineGroupName" > "$generatedMachineGroupRootOverlaysPath/g/opt/greeting"
            leak=group
            END
            cat > "$machine/generator-scriptlets/10-first" <<'END'
            layer="$generatedMachineRootOverlaysPath/g"
            mkdir -p "$layer/opt"
            env | sort > "$layer/opt/variables"
            greet "$machineName" >> "$layer/opt/greeting"
            echo "$leak" > "$layer/opt/leak"
            shared=kept
            cat "$cacheMachineRpmInstallRootPath/etc/motd" > "$layer/opt/motd-seen"
            ls "$cacheMachineRpmInstallRootPath/init" >> "$layer/opt/motd-seen"
            echo "$#" > "$layer/opt/arguments"
            hostname > "$layer/opt/hostname"; id -u >> "$layer/opt/hostname"
            END
            echo 'echo "$shared" > "$generatedMachineRootOverlaysPath/g/opt/shared"' > "$machine/generator-scriptlets/9-after"
            echo 'exit 8' > "$machine/generator-scriptlets/.hidden"
            """#
        ) { bench in
            try await bench.compose()
            // The published interface: DESIGN section 2.
            let always = ["configPath", "cachePath", "functionsPath", "pathsPath", "SOURCE_DATE_EPOCH"]
            let group = [
                "machineGroupName", "machine_group_configPath", "machine_group_cachePath",
                "configMachineGroupDevicesPath",
                "machine_group_configOverlaysPath", "generatedMachineGroupRootOverlaysPath",
                "machine_configGeneratorsPath",
            ]
            let machine = [
                "machineName", "machine_configPath", "machine_cachePath", "configMachineInitPath",
                "configMachineDevicesPath",
                "machine_configOverlaysPath", "generatedMachineRootOverlaysPath", "yum_configYumConfTemplateFilePath",
                "cacheMachineMinimalAppliancePath", "cacheMachineBuiltAppliancePath", "cacheMachineRpmInstallRootPath",
            ]
            // Three of bash's own, and the minimal environment.
            let bash = ["PWD", "SHLVL", "_", "PATH", "LC_ALL", "TZ", "HOME"]
            #expect(Set(try await bench.look("cat opt/group-variables")) == Set(always + group + bash))
            let seen = try await bench.look("cat opt/variables").map {
                $0.split(separator: "=", maxSplits: 1).map(String.init)
            }
            #expect(Set(seen.map { $0[0] }) == Set(always + group + machine + bash))
            let values = Dictionary(seen.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { _, last in last }
            #expect(values["machineName"] == "one")
            #expect(values["SOURCE_DATE_EPOCH"] == "1500000000")
            #expect(
                values["machine_configGeneratorsPath"]
                    == bench.tree.pushing("demo/machines/one/generator-scriptlets").string)
            #expect(values["PATH"] == "/usr/sbin:/usr/bin:/sbin:/bin")
            for name in always + group + machine
            where !["machineName", "machineGroupName", "SOURCE_DATE_EPOCH"].contains(name) {
                #expect(values[name]?.hasPrefix("/") == true, "\(name)")
            }
            let root = try #require(values["cacheMachineRpmInstallRootPath"])
            #expect(
                try await bench.look("cat opt/greeting opt/leak opt/shared opt/motd-seen opt/arguments opt/hostname")
                    == [
                        "hello one", "", "kept", "package", "\(root)/init", "0", "one", "0",
                    ].filter { !$0.isEmpty })
        }
    }

    /// Each fails the build with these words, which the reader of the log needs.
    @Test(
        "a failure names the scriptlet, the line and the command",
        arguments: [
            (
                "echo before\ncp /no/such /tmp\n",
                ["20-bad:2: error: \"cp /no/such /tmp\" failed with status 1", "before", "No such file"]
            ),
            ("step() {\n  false\n}\n\nstep\n", ["20-bad:2: error: \"false\" failed", "called from", "20-bad:5"]),
            ("\nbroken_function\n", ["a.functions:1: error: \"false\" failed", "called from", "20-bad:2"]),
            ("for i in 1 2; do\n  grep -q x /dev/null\ndone\n", ["20-bad:2: error: \"grep -q x /dev/null\" failed"]),
            ("x=$(exit 7)\n", ["20-bad:1: error: ", "status 7"]),
            ("no_such_command\n", ["20-bad", "line 1: no_such_command: command not found", "127"]),
            ("if true; then return 3; fi\n", ["20-bad: error: its status is 3"]),
            ("[[ -d /no/such ]] || return 1\n", ["20-bad: error: its status is 1"]),
            ("exit 4\n", ["20-bad", "4"]),
            ("exit 0\n", ["20-bad", "'exit 0'", "use 'return'"]),
            ("true\nif (\n", ["20-bad: line 3: syntax error"]),
            (": \"${nothing:?must be set}\"\n", ["20-bad: line 1: nothing: must be set"]),
            ("kill -KILL $$\n", ["20-bad", "9"]),
            ("( exit 5 )\n", ["20-bad:1: error: ", "status 5"]),
        ])
    func failures(_ scriptlet: String, _ words: [String]) async throws {
        try await Bench.with(
            #"""
            echo 'broken_function() { false; }' > "$functions/a.functions"
            echo 'echo fine' > "$machine/generator-scriptlets/10-good"; echo 'echo never' > "$machine/generator-scriptlets/30-after"
            """#
        ) { bench in
            let file = bench.tree.pushing("demo/machines/one/generator-scriptlets/20-bad")
            try writeAtomically(scriptlet.utf8, to: file)
            let failure = try await bench.failure()
            #expect(failure.kind == .scriptlet)
            #expect(failure.message.hasPrefix("\(file): error: the generator scriptlet failed"))
            for word in words { #expect(failure.message.contains(word), "'\(word)' in\n\(failure.message)") }
            #expect(!failure.message.contains("never"))
            #expect(bench.sayings.output(of: "10-good") == "fine\n")
        }
    }

    @Test(
        "are not stricter than plain sourcing",
        arguments: [
            "[[ -n $nothing ]] && echo no\n", "set +e\nfalse\ntrue\n", "false | true\n",
            "echo \"$undefined\" > /dev/null\n",
            "if false; then :; fi\n", "grep -q x /dev/null || true\n", "! true\n",
            "while read -r line; do :; done < /dev/null\n",
            "yes | head -1\n", "shift || true\nset -- a b\n", "trap 'echo bye' EXIT\n", "return 0\nfalse\n", "cd /\n",
            "# only a comment\n", "",
        ])
    func tolerated(_ scriptlet: String) async throws {
        try await Bench.with(
            #"echo 'mkdir -p "$generatedMachineRootOverlaysPath/g/opt"; echo yes > "$generatedMachineRootOverlaysPath/g/opt/after"' > "$machine/generator-scriptlets/2""#
        ) { bench in
            try writeAtomically(scriptlet.utf8, to: bench.tree.pushing("demo/machines/one/generator-scriptlets/1"))
            try await bench.compose()
            #expect(try await bench.look("cat opt/after") == ["yes"])
        }
    }

    /// Also in the tree's own cache folder, whose name DESIGN section 1 reserves.
    @Test(
        "may write into root-overlays without changing the tree",
        arguments: [("tree", "cache"), ("tree", "tree/cache"), ("tree, of: many", "cache")])
    func overlays(_ tree: String, _ cache: String) async throws {
        try await Bench.with(
            #"""
            mkdir -p "$tree/templates/common/etc" "$machine/root-overlays/50-own/etc"; echo template > "$tree/templates/common/etc/motd"
            ln -s "../../../../templates/common" "$machine/root-overlays/10-common"; echo own > "$machine/root-overlays/50-own/etc/own"
            cat > "$machine/generator-scriptlets/1" <<'END'
            echo changed > "$machine_configOverlaysPath/10-common/etc/motd"
            mkdir -p "$machine_configOverlaysPath/05-new/etc" "$machine_configOverlaysPath/60-new/etc" "$machine_group_configOverlaysPath/70-new/etc"
            echo 05 > "$machine_configOverlaysPath/05-new/etc/motd"; echo 60 > "$machine_configOverlaysPath/60-new/etc/own"; echo 70 > "$machine_group_configOverlaysPath/70-new/etc/own"
            echo '/etc/own www-data www-data 600' > "$machine_configOverlaysPath/60-new.permissions"
            ln -s "$configPath/templates/common" "$generatedMachineRootOverlaysPath/link"
            mkdir -p "$generatedMachineRootOverlaysPath/x/etc"; echo x > "$generatedMachineRootOverlaysPath/x/etc/caps"; chmod 755 "$generatedMachineRootOverlaysPath/x/etc/caps"
            echo '/etc/caps root adm 750 cap_net_raw=ep' > "$generatedMachineRootOverlaysPath/x.permissions"
            rm "$machine_configOverlaysPath/50-own/etc/own"
            END
            """#, name: tree, cache: cache
        ) { bench in
            let state = #"find "$tree" -path "$tree/cache" -prune -o -printf '%P %y %m %U:%G %s %T@ %C@ %l\n' | sort"#
            let before = try await bench.shell(state)
            let outcome = try await bench.compose()
            #expect(try await bench.shell(state) == before)
            #expect(
                outcome.layers.map { $0.lastComponent?.string } == [
                    "70-new", "05-new", "common", "50-own", "60-new", "common", "x",
                ])
            #expect(
                try await bench.look("cat etc/motd etc/own; stat -c '%a %u:%g' etc/own etc/caps; getcap etc/caps") == [
                    "changed", "60", "600 4711:4712", "750 0:4", "etc/caps cap_net_raw=ep",
                ])
            #expect(try await bench.shell("grep -c \"$folder\" /proc/self/mounts || true") == "0\n")
        }
    }

    @Test("processes that they leave running are stopped without waiting, with a warning")
    func background() async throws {
        try await Bench.with(
            #"""
            cat > "$machine/generator-scriptlets/1" <<'END'
            echo started
            sleep 3000 &
            # Until then it is another bash.
            until [[ $(<"/proc/$!/comm") == sleep ]]; do :; done
            (trap '' TERM HUP; while true; do echo again >> "$cacheMachineRpmInstallRootPath/etc/motd"; sleep 0.01; done) &
            END
            """#
        ) { bench in
            let begin = ContinuousClock.now
            try await bench.compose()
            #expect(begin.duration(to: .now) < .seconds(600))
            #expect(bench.sayings.warnings.contains { $0.contains("left running") && $0.contains("sleep") })
            #expect(bench.sayings.output(of: "generator-scriptlets/1") == "started\n")
        }
    }

    @Test("do not break what follows in a large root, when libdispatch's idle threads wake up")
    func large() async throws {
        try await Bench.with(
            #"""
            echo 'echo started' > "$machine/generator-scriptlets/1"
            mkdir "$installed/usr/many"; seq -f "$installed/usr/many/%.0f" 12000 | xargs touch
            """#
        ) { bench in
            try await bench.compose(setuid: [])
            #expect(bench.sayings.output(of: "generator-scriptlets/1") == "started\n")
        }
    }

    @Test("see their machine's part of the tree and the host's programs, and nothing else of the host or of other machines")
    func view() async throws {
        try await Bench.with(
            #"""
            cp -a "$machine" "$tree/demo/machines/two"; mkdir -p "$tree/templates/shared" "$tree/templates/other" "$tree/.git" "$tree/unrelated"
            echo secret > "$tree/demo/machines/two/secret"; echo shared > "$tree/templates/shared/file"; echo other > "$tree/templates/other/file"
            ln -s shared "$tree/templates/current"; ln -s ../../../templates/current/file "$machine/link"; echo group > "$group/note"
            chmod 0600 "$group/note"
            cat > "$machine/generator-scriptlets/1" <<'END'
            cat "$machine_configPath/link" "$machine_group_configPath/note"; stat -c %a "$machine_group_configPath/note"
            ls -A "$configPath" "$machine_group_configPath/machines" "$configPath/templates" | tr '\n' ' '; echo
            for path in /etc/shadow /etc/ssh /etc/hostname /home /root/.ssh /boot /var/lib /srv /opt /sys/class/dmi/id/product_uuid; do
                if [[ -n $(ls -A "$path" 2>/dev/null) ]]; then echo "saw $path"; fi
            done
            cut -d: -f1 /etc/passwd | tr '\n' ' '; ls "$(command -v cp)"
            END
            """#
        ) { bench in
            try await bench.compose()
            let output = try #require(bench.sayings.output(of: "generator-scriptlets/1"))
            let lines = output.split(separator: "\n").map { String($0).replacing(bench.tree.string, with: "TREE") }
            #expect(
                lines == [
                    "shared", "group", "644", "TREE: demo templates  TREE/demo/machines: one  TREE/templates: current shared ",
                    "root nobody /usr/bin/cp",
                ])
        }
    }

    @Test("cannot reach the host's devices, settings and network, or change the installed packages")
    func confined() async throws {
        try await Bench.with(
            #"""
            cat > "$machine/generator-scriptlets/1" <<'END'
            ls /dev; echo --
            tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; echo --
            if : > /etc/discographer-was-here; then echo wrote the host; fi 2>/dev/null
            if echo 1 > /proc/sys/vm/drop_caches; then echo set the kernel; fi 2>/dev/null
            if echo x > "$cacheMachineMinimalAppliancePath/installed/root/etc/motd"; then echo changed the packages; fi 2>/dev/null
            echo direct > "$cacheMachineRpmInstallRootPath/etc/motd"
            echo x > /tmp/discographer-scratch; echo x > ~/scratch
            # Privileges over files and users, and none over the kernel.
            if mount -t tmpfs tmpfs /tmp || unshare --user true || dmesg || keyctl show; then echo asked the kernel; fi >/dev/null 2>&1
            python3 - <<'PYTHON'
            import ctypes, errno, socket
            # A closed port is refused only where the loopback interface is up.
            print(errno.errorcode[socket.socket().connect_ex(("127.0.0.1", 9))], end=" ")
            libc = ctypes.CDLL(None, use_errno=True)
            # keyctl(2), bpf(2), perf_event_open(2), syslog(2) of x86_64
            for number, arguments in (250, (0, -3, 0)), (321, (0, 0, 0)), (298, (0, 0, 0)), (103, (3, 0, 0)):
                print(libc.syscall(number, *arguments), end=" ")
            bounding = next(line for line in open("/proc/self/status") if line.startswith("CapBnd"))
            print(f"{int(bounding.split()[1], 16) >> 21 & 1}")
            PYTHON
            chown 12:34 "$cacheMachineRpmInstallRootPath/etc/motd"; mknod "$cacheMachineRpmInstallRootPath/etc/node" c 1 3
            setpriv --reuid 33 --regid 33 --clear-groups id -u
            END
            """#
        ) { bench in
            try await bench.compose()
            let output = try #require(bench.sayings.output(of: "generator-scriptlets/1"))
            #expect(
                output.split(separator: "\n")
                    == [
                        "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
                        "urandom", "zero", "--", "lo", "--", "ECONNREFUSED -1 -1 -1 -1 0", "33",
                    ])
            #expect(try await bench.look("cat etc/motd; stat -c '%u:%g' etc/motd; stat -c %t:%T etc/node") == ["direct", "12:34", "1:3"])
            #expect(
                try await bench.shell(
                    "cat $installed/etc/motd; ls /etc/discographer-was-here /tmp/discographer-scratch 2>/dev/null || true")
                    == "package\n")
        }
    }

    @Test("a file in the place of a generated layer is an error with its path")
    func badLayer() async throws {
        try await Bench.with(
            #"""
            cat > "$machine/generator-scriptlets/1" <<'END'
            echo x > "$generatedMachineRootOverlaysPath/stray"; ln -s nowhere "$generatedMachineRootOverlaysPath/lost"
            mkdir "$generatedMachineRootOverlaysPath/l"; echo 'x' > "$generatedMachineRootOverlaysPath/l.permissions"
            END
            """#
        ) { bench in
            let failure = try await bench.failure()
            let folder = bench.machineCache.pushing("minimal-appliance/generated-root-overlays")
            #expect(failure.kind == .overlay)
            for text in ["\(folder)/stray: error: ", "\(folder)/lost: error: ", "\(folder)/l.permissions:1: error: "] {
                #expect(failure.message.contains(text), "\(text)\nin\n\(failure.message)")
            }
        }
    }
}
