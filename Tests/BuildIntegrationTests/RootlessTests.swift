import Foundation
import Subprocess
import SystemPackage
import Testing

/// Builds of ordinary users, against those of root.
@Suite("Ordinary users", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct RootlessTests {
    /// A package with what a user namespace cannot make, and with what it makes of other ids than root would.
    private static let spec = """
        Name: odd
        Version: 1
        Release: 1
        Summary: test
        License: none
        Requires: bash, coreutils, util-linux
        %description
        %install
        mkdir -p %{buildroot}/srv/odd/inner
        cd %{buildroot}/srv/odd
        mknod character c 1 9; mknod block b 7 200; mkfifo fifo
        echo one > file; ln file inner/hard; ln -s /nowhere/at/all link
        cp /bin/true capable; cp /bin/true setuid
        %files
        %dir %attr(2770, root, mail) /srv/odd
        %attr(640, root, tty) /srv/odd/character
        %attr(660, mail, disk) /srv/odd/block
        %attr(622, mail, mail) /srv/odd/fifo
        %attr(640, www-data, mail) /srv/odd/file
        %attr(640, www-data, mail) /srv/odd/inner/hard
        /srv/odd/link
        %attr(755, root, root) %caps(cap_net_raw=ep) /srv/odd/capable
        %attr(4755, mail, tty) /srv/odd/setuid
        %post
        ln /srv/odd/block /srv/odd/block-again
        mv /srv/odd/character /srv/odd/moved
        install -o 4711 -g 65534 -m 6711 /bin/true /srv/odd/made
        id -u > /srv/odd/user; setpriv --reuid 33 --regid 33 --clear-groups id -u >> /srv/odd/user
        [ -c /dev/null ] && echo thrown away > /dev/null
        """

    private static let description = """
        boot:
          loader: none
        outputs: [raw]
        disks:
          - name: system
            size: 2GiB
            partitions:
              - mount: /var/lib/data
                size: 16MiB
              - mount: /var
                size: 256MiB
              - mount: /
        """

    /// A tree of one machine, `test/one`, that has everything.
    private func makeTree(in folder: String) async throws -> String {
        let packages = Sandbox.smallSet + "util-linux\niputils-ping\nsudo\nodd\n"
        let tree = try await Sandbox.makeTree(in: folder, packages: packages, machine: Self.description)
        try Self.spec.write(toFile: folder + "/odd.spec", atomically: true, encoding: .utf8)
        _ = try await shell(
            """
            cd '\(folder)'
            rpmbuild -bb --quiet --define '_topdir \(folder)/top' --define '_rpmdir \(folder)' --define '_build_id_links none' \\
                --define '_rpmfilename odd.rpm' --define '__os_install_post %{nil}' odd.spec 2>&1
            cd '\(tree)/test/machines/one'
            mkdir rpms; mv '\(folder)/odd.rpm' rpms/
            rm -rf '\(folder)/top' root-overlays
            mkdir -p root-overlays/10-own/srv/odd/inner; echo two > root-overlays/10-own/srv/odd/inner/overlaid
            echo '/srv/odd/inner/overlaid www-data 4712 4750 cap_chown=ep' > root-overlays/10-own.permissions
            rm devices; printf '/dev/null c 666 1 3\\n/dev/ram0 b 660 1 0\\n/dev/pipe p 640\\n/srv/odd/block b 600 7 3\\n' > devices
            """)
        return tree
    }

    @Test("get the very image that root gets")
    func sameImage() async throws {
        try await Sandbox.withFolder { folder in
            let user = try await OrdinaryUser(in: folder)
            let tree = try await makeTree(in: folder)
            let before = try await shell("find '\(tree)' -printf '%p %m %U %T@\\n' | sort")
            let own = try await user.discographer(["build", "-c", tree, "-s", user.home + "/cache", "test"])
            #expect(own.status == 0, "\(own.output)\(own.errors)")
            #expect(try await shell("find '\(tree)' -printf '%p %m %U %T@\\n' | sort") == before)
            let roots = try await user.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"], become: "")
            #expect(roots.status == 0, "\(roots.output)\(roots.errors)")
            let images = [user.home, folder].map { $0 + "/cache/test/one/artefacts/one.raw" }
            #expect(try await run(["cmp"] + images).output == "")

            let listing = try await listing(of: images[0], folder)
            for line in [
                "/dev/null c 666 0:0 1:3 1", "/dev/ram0 b 660 0:0 1:0 1", "/dev/pipe p 640 0:0 0:0 1", "/srv/odd/moved c 640 0:5 1:9 1",
                "/srv/odd/block-again b 660 8:6 7:c8 1", "/srv/odd/block b 600 0:0 7:3 1", "/srv/odd/fifo p 622 8:8 0:0 1",
                "/srv/odd/file - 640 33:8 0:0 2", "/srv/odd/inner/hard - 640 33:8 0:0 2", "/srv/odd/setuid - 4755 8:5 0:0 1",
                "/srv/odd/made - 6711 4711:65534 0:0 1", "/srv/odd d 2770 0:8 0:0 3", "/srv/odd/inner/overlaid - 4750 33:4712 0:0 1",
                "/srv/odd/capable cap_net_raw=ep", "/srv/odd/inner/overlaid cap_chown=ep", "user: 0 33",
            ] {
                let isThere = listing.contains(line)
                #expect(isThere, "\(line) is missing in\n\(listing.filter { $0.contains("/srv") || $0.contains("/dev") })")
            }
            let strange = ["e2fsck", "user.discographer", " \(OrdinaryUser.number):", ":\(OrdinaryUser.number) "]
            #expect(!listing.contains { line in strange.contains { line.contains($0) } })
            #expect(try user.processes() == [])

            // Nothing of the ids stays when the user cleans up.
            let clean = try await user.discographer(["clean", "--all", "--packages", "-s", user.home + "/cache"])
            #expect(clean.status == 0, "\(clean.output)\(clean.errors)")
            #expect(try await shell("find '\(user.home)/cache' -type f -printf '%P\\n' | sort") == "stages/pins/lock\nstores.lock\ntest/one/lock\n")
        }
    }

    @Test(
        "get root's images of the whole demo: initramfs, database, web server and all",
        .enabled(if: ProcessInfo.processInfo.environment["DISCOGRAPHER_TEST_ALL"] == "1", "DISCOGRAPHER_TEST_ALL=1"))
    func demo() async throws {
        try await Sandbox.withFolder { folder in
            let user = try await OrdinaryUser(in: folder)
            let tree = folder + "/tree"
            _ = try await shell("cp -a '\(Sandbox.checkout)/config-template' '\(tree)'")
            for (home, become) in [(user.home, nil), (folder, "")] as [(String, String?)] {
                let arguments = ["build", "-c", tree, "-s", home + "/cache", "--output", "raw", "--jobs", "1", "demo"]
                let build =
                    if let become { try await user.discographer(arguments, become: become) } else { try await user.discographer(arguments) }
                #expect(build.status == 0, "\(build.output)\(build.errors)")
            }
            for machine in ["base", "web", "db"] {
                let images = [user.home, folder].map { $0 + "/cache/demo/\(machine)/artefacts/\(machine).raw" }
                let difference = try await run(["cmp"] + images)
                #expect(difference.status == 0, "\(difference.output)\(difference.errors)")
            }
        }
    }

    /// What the kernel sees in the image, and what e2fsck says of it.
    private func listing(of image: String, _ folder: String) async throws -> [String] {
        try await shell(
            """
            mkdir '\(folder)/mount'
            places=$(sfdisk -J '\(image)' | python3 -c 'import json, sys; print(*[p["start"] >> 11 for p in json.load(sys.stdin)["partitiontable"]["partitions"]])')
            cd '\(folder)'; number=0
            for place in $places; do
                number=$((number + 1)); size=$(sfdisk -J '\(image)' | python3 -c "import json, sys; print(json.load(sys.stdin)['partitiontable']['partitions'][$number - 1]['size'] >> 11)")
                dd if='\(image)' of=part$number bs=1M skip=$place count=$size conv=sparse status=none
                e2fsck -fn part$number >/dev/null 2>&1 || echo "e2fsck of part $number: $?"
            done
            unshare --mount bash -euc 'mount -o ro,noload,loop part3 mount; mount -o ro,noload,loop part2 mount/var
            mount -o ro,noload,loop part1 mount/var/lib/data; cd mount
            find dev srv var -printf "/%p %y %m %U:%G " -exec stat -c "%t:%T %h" {} \\; | sed "s/ f / - /"
            getcap -r srv | sed "s,^,/,"; getfattr -R -h -d -m - . 2>/dev/null
            echo user: $(cat srv/odd/user)'
            """
        ).split(separator: "\n").map(String.init)
    }

    @Test("leave nothing when they are killed, and the next build works")
    func killed() async throws {
        try await Sandbox.withFolder { folder in
            let user = try await OrdinaryUser(in: folder)
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            let arguments = ["build", "-c", tree, "-s", user.home + "/cache", "test"]
            async let killed = user.discographer(arguments)
            // In the middle of the installation.
            var waited = 0
            while try await shell("ls -d '\(user.home)'/cache/stages/*.partial/root/usr 2>/dev/null || true").isEmpty,
                waited < 600
            {
                try await Task.sleep(for: .milliseconds(100))
                waited += 1
            }
            for process in try user.processes() where try isDiscographer(process) { _ = kill(Int32(process) ?? 0, SIGKILL) }
            #expect(try await killed.status != 0)
            for _ in 0..<300 where try !user.processes().isEmpty { try await Task.sleep(for: .milliseconds(100)) }
            #expect(try user.processes() == [])
            let next = try await user.discographer(arguments)
            #expect(next.status == 0, "\(next.output)\(next.errors)")
            #expect(try await shell("ls '\(user.home)/cache/stages'").contains("partial") == false)
        }
    }

    /// Not its workers: they have to notice.
    private func isDiscographer(_ process: String) throws -> Bool {
        (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)) == "discographer\n"
    }

    @Test("keep a failed root, and enter it; a scriptlet's time is limited by machine.yaml")
    func keptRoot() async throws {
        try await Sandbox.withFolder { folder in
            let user = try await OrdinaryUser(in: folder)
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader + "scriptletTimeLimit: 10\n")
            _ = try await shell(
                """
                cd '\(tree)/test/machines/one'
                mkdir rpms; cd '\(folder)'
                printf 'Name: slow\\nVersion: 1\\nRelease: 1\\nSummary: x\\nLicense: none\\nBuildArch: noarch\\n%%description\\nx\\n%%files\\n%%post\\necho traced > /trace; chown 33:8 /trace\\nsleep 1000\\n' > slow.spec
                rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD" slow.spec
                mv noarch/*.rpm '\(tree)/test/machines/one/rpms/'
                """)
            let places = ["-c", tree, "-s", user.home + "/cache"]
            let failed = try await user.discographer(["build"] + places + ["--keep-root", "test"])
            #expect(failed.status == 1)
            #expect(
                failed.output.contains("slow-1-1.noarch %post: ") && failed.output.contains("it did not end within 10 s"),
                "\(failed.output)\(failed.errors)")
            let look = try await user.discographer(["shell"] + places + ["test/one", "--", "sh", "-c", "stat -c '%n %u:%g' /trace; id -u; exit 5"])
            #expect(look.status == 5 && look.output == "/trace 33:8\n0\n", "\(look.output)\(look.errors)")
            #expect(try user.processes() == [])
        }
    }

    @Test("are told what they lack and what to set")
    func lacks() async throws {
        try await Sandbox.withFolder { folder in
            let user = try await OrdinaryUser(in: folder)
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet)
            let build = ["build", "-c", tree, "-s", user.home + "/cache", "test"]
            func expect(
                _ words: String, _ arguments: [String], _ status: Int32, prepare: String = "true", become: String? = nil,
                sourceLocation: SourceLocation = #_sourceLocation
            ) async throws {
                let run =
                    if let become { try await user.discographer(arguments, prepare: prepare, become: become) } else {
                        try await user.discographer(arguments, prepare: prepare)
                    }
                #expect(run.status == status, "\(run.output)\(run.errors)", sourceLocation: sourceLocation)
                #expect((run.output + run.errors).contains(words), "\(run.output)\(run.errors)", sourceLocation: sourceLocation)
            }
            try await expect("this user can build", ["doctor"], 0)
            // Root of a container, with and without the privilege to mount.
            let mapped = "unshare --user --map-root-user"
            let all = "setpriv --reuid \(OrdinaryUser.number) --regid \(OrdinaryUser.number) --clear-groups"
            try await expect("every program", ["doctor"], 0, become: "\(all) \(mapped) --map-auto")
            try await expect("every program", ["doctor"], 0, become: "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin")
            try await expect("this user namespace has 1 user or group ids", build, 2, become: "\(all) \(mapped)")

            let newuidmap = try await shell("readlink -f /usr/bin/newuidmap").trimmingCharacters(in: .whitespacesAndNewlines)
            try await expect(
                "\(newuidmap) does not have the setuid bit; as root: chmod u+s", build, 2,
                prepare: "cp '\(newuidmap)' '\(folder)/plain'; chmod 755 '\(folder)/plain'; mount --bind '\(folder)/plain' '\(newuidmap)'")
            try await expect(
                "newuidmap is missing; install the package uidmap", build, 2, prepare: "mount --bind /dev/null '\(newuidmap)'")
            try await expect(
                "sysctl user.max_user_namespaces=", build, 2,
                become: "unshare --user --map-users=0,0,65536 --map-groups=0,0,65536 --setuid 0 --setgid 0 bash -c "
                    + "'echo 0 > /proc/sys/user/max_user_namespaces; exec \(all) \"$0\" \"$@\"'")
            try await expect("'no new privileges'", build, 2, become: "\(all) --no-new-privs")
            try user.setSubordinateIDs("other:100000:65536")
            let words = "/etc/subuid gives 'builder' no subordinate ids; expected 65536"
            try await expect(words, build, 2)
            try await expect(words, ["doctor"], 1)
            try await expect("usermod --add-subuids 165536-231071 --add-subgids 165536-231071 builder", build, 2)
            #expect(!FileManager.default.fileExists(atPath: user.home + "/cache"), "something was built")
        }
    }
}
