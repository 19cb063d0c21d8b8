import Foundation
import Testing

/// What `check` finds in files of the tree by asking the programs and libraries that will read them.
@Suite("Checking a tree", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct CheckTests {
    private func check(_ machines: TinyMachines, _ words: String...) async throws -> Run {
        try await run(machines.words("check", of: []) + words)
    }

    @Test("scriptlets that bash does not parse are errors of check and of build, with their lines")
    func scriptlets() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let scriptlets = machines.machineFolder("one") + "/generator-scriptlets"
            _ = try await shell(
                """
                mkdir '\(scriptlets)'; cd '\(scriptlets)'
                printf 'echo a\\nif true; then\\n' >10-open
                printf '#!/usr/bin/python3\\nprint("a")\\n' >20-python
                printf 'shopt -s extglob\\n[[ -e !(a) ]] || ls !(b) >/dev/null\\n' >30-extglob
                printf 'return 0\\nif ( (\\n' >40-behind-return
                printf 'cat >/dev/null <<X\\na\\n' >50-here
                printf 'if [[ -n ${x:-} ]]; then :; fi\\n' >60-good
                """)
            let check = try await check(machines)
            #expect(check.status == 2)
            let errors = check.errors.split(separator: "\n").map { $0.replacing(scriptlets + "/", with: "") }
            #expect(
                errors.filter { $0.contains(": error: ") }.map { String($0.prefix(34)) } == [
                    "10-open:3: error: syntax error: un", "20-python:2: error: syntax error n",
                ])
            #expect(errors.contains { $0.hasPrefix("40-behind-return:3: warning: ") })
            #expect(errors.contains { $0.hasPrefix("50-here:2: warning: here-document") })
            #expect(!check.errors.contains("30-extglob") && !check.errors.contains("60-good"), "\(check.errors)")
            let build = try await run(machines.words("build"))
            #expect(build.status == 2 && build.errors.contains("10-open:3: error: syntax error"))
        }
    }

    @Test("capabilities of .permissions and pointers among functions are told before anything is built")
    func permissionsAndFunctions() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let permissions = machines.machineFolder("one") + "/root-overlays/state.permissions"
            try "/state root root 755 cap_net_raw=ep\n/state root root 755 cap_nonsense=ep\n".write(
                toFile: permissions, atomically: true, encoding: .utf8)
            let functions = folder + "/functions"
            try FileManager.default.createDirectory(atPath: functions, withIntermediateDirectories: true)
            try "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n".write(
                toFile: functions + "/a.functions", atomically: true, encoding: .utf8)
            let check = try await self.check(machines, "-f", functions)
            #expect(check.status == 2)
            #expect(check.errors.contains("\(permissions):2: error: invalid capabilities 'cap_nonsense=ep'"), "\(check.errors)")
            #expect(check.errors.contains("\(functions)/a.functions: error: a pointer of Git LFS"))
            #expect(check.errors.contains("2 errors"))
        }
    }

    @Test("packages and keys of the tree are opened, all of them at once")
    func packagesAndKeys() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let machine = machines.machineFolder("one")
            let keys = machines.tree + "/templates/yum/keys"
            _ = try await shell(
                """
                mkdir '\(machine)/rpms' '\(keys)'; cd '\(machine)/rpms'
                good=$(echo '\(folder)'/repository/a-1-1.noarch.rpm)
                cp "$good" good.rpm
                head -c $(($(stat -c %s "$good") - 10)) "$good" >truncated.rpm
                echo text >text.rpm; : >empty.rpm
                printf 'Name: foreign\\nVersion: 1\\nRelease: 1\\nSummary: s\\nLicense: l\\n%%description\\n%%files\\n' >'\(folder)/f.spec'
                rpmbuild -bb --quiet --target aarch64 --define '_topdir \(folder)/top' --define '_rpmdir '"$PWD" --define '_rpmfilename foreign.rpm' '\(folder)/f.spec' 2>&1
                rpmbuild -bs --quiet --define '_topdir \(folder)/top' --define "_srcrpmdir $PWD" '\(folder)/f.spec' 2>&1; mv foreign-1-1.src.rpm source.rpm
                echo junk >'\(keys)/named'; echo 'about the keys' >'\(keys)/README'
                sed -i 's,gpgcheck=0,gpgcheck=0\\ngpgkey=file://\(keys)/named,' '\(machines.tree)'/templates/yum/repositories/*.repo
                """)
            let check = try await check(machines)
            #expect(check.status == 2)
            let rpms = machine + "/rpms/"
            for (name, words) in [
                ("truncated.rpm", "damaged: "), ("text.rpm", "not an RPM package"), ("empty.rpm", "empty; expected an RPM package"),
                ("foreign.rpm", "a package for aarch64, which g/one cannot run; the machine's architecture is x86_64"),
                ("source.rpm", "a source package"),
            ] { #expect(check.errors.contains("\(rpms)\(name): error: \(words)"), "\(name): \(check.errors)") }
            #expect(!check.errors.contains("good.rpm"))
            #expect(check.errors.contains("\(keys)/named: error: "), "\(check.errors)")
            #expect(check.errors.contains("\(keys)/README: warning: "))
        }
    }

    @Test("paths are relative to the working folder when that is short")
    func places() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let file = machines.machineFolder("one") + "/packages"
            try "a b\n".write(toFile: file, atomically: true, encoding: .utf8)
            _ = try await shell("mkdir -p '\(folder)/near/by' '\(folder)/far/away/from/it'")
            for (place, shown) in [
                (folder, "tree/g/machines/one/packages"), (machines.tree, "g/machines/one/packages"),
                (folder + "/near/by", "../../tree/g/machines/one/packages"),
                (folder + "/far/away/from/it", file), ("/", file), (machines.machineFolder("one"), "packages"),
            ] {
                let check = try await run(["bash", "-euc", "cd \"$0\"; exec \"$@\"", place] + machines.words("check", of: []))
                #expect(check.status == 2)
                #expect(check.errors.hasPrefix("\(shown):1: error: more than one word"), "in \(place): \(check.errors)")
            }
        }
    }

    @Test("a group and a file that the build's user cannot read are errors, and not absent")
    func unreadable() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            try FileManager.default.createDirectory(atPath: folder + "/user", withIntermediateDirectories: true)
            let user = try await OrdinaryUser(in: folder + "/user")
            let layer = machines.machineFolder("one") + "/root-overlays/state"
            _ = try await shell(
                """
                chmod 755 '\(folder)'; cd '\(machines.tree)'; cp -a g closed; chmod 700 closed; chmod 600 '\(layer)/state'; mkdir '\(layer)/secret'; chmod 700 '\(layer)/secret'
                mkdir lost+found; chmod 700 lost+found
                """)
            let check = try await user.discographer(["check", "-c", machines.tree, "-s", user.home + "/cache"])
            #expect(check.status == 2)
            #expect(check.errors.contains("\(machines.tree)/closed: error: cannot be read: Permission denied"), "\(check.errors)")
            #expect(check.errors.contains("\(layer)/state: error: cannot be read: Permission denied"))
            #expect(check.errors.contains("\(layer)/secret: error: cannot be read: Permission denied"))
            #expect(check.errors.contains("3 errors"))
            let one = try await user.discographer(["build", "-c", machines.tree, "-s", user.home + "/cache", "closed"])
            #expect(one.status == 2 && one.errors.contains("\(machines.tree)/closed: error: cannot be read"), "\(one.errors)")
            let hidden = try await user.discographer(
                ["check", "-c", machines.tree, "-s", user.home + "/cache", "g"], prepare: "mkdir -m 700 /etc/discographer")
            #expect(
                hidden.status == 2 && hidden.errors.contains("/etc/discographer/configuration: error: cannot be read: Permission denied"),
                "\(hidden.errors)")
        }
    }

    @Test("disk plans' problems are told once, with the group's line")
    func disks() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder, ["one", "two"])
            for machine in ["one", "two"] { try FileManager.default.removeItem(atPath: machines.machineFolder(machine) + "/machine.yaml") }
            let file = machines.tree + "/g/machine-group.yaml"
            try
                "boot:\n  kernelArguments: [\(String(repeating: "a", count: 1990))]\ndisks:\n  - size: 64MiB\n    partitions:\n      - mount: /\n        mountOptions: [a b]\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
            let check = try await check(machines)
            #expect(check.status == 2)
            #expect(check.errors.split(separator: "\n").count == 2, "\(check.errors)")
            #expect(check.errors.contains("\(file):7: error: disk 1 ('system'): invalid mount option 'a b'"))
            try "boot:\n  kernelArguments: [\(String(repeating: "a", count: 1990))]\n".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await self.check(machines).errors.contains("\(file):2: error: the kernel's command line has"))
        }
    }

    @Test("a checkout's incomplete files end a build before anything is built")
    func incomplete() async throws {
        try await Sandbox.withFolder { folder in
            let machines = try await TinyMachines(in: folder)
            let pointer = machines.machineFolder("one") + "/root-overlays/state/big"
            try "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n".write(toFile: pointer, atomically: true, encoding: .utf8)
            let build = try await run(machines.words("build"))
            #expect(
                build.status == 2 && build.errors.contains("\(pointer): error: a pointer of Git LFS instead of the file itself; run 'git lfs pull'"))
            #expect(!FileManager.default.fileExists(atPath: machines.cache))
        }
    }
}
