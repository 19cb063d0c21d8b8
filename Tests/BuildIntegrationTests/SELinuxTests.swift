import Foundation
import Testing

/// The judge is matchpathcon(8), which reads the policy that is in the image.
@Suite("SELinux contexts", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct SELinuxTests {
    /// As a policy package has them: kinds of files, a file without context, substitutions, homes, and local additions.
    private static let policy = #"""
        mkdir -p policy/etc/selinux/small/contexts/files
        cd policy/etc/selinux
        printf '# comment\nSELINUX=enforcing\nSELINUXTYPE=small \n' > config
        cd small/contexts/files
        cat > file_contexts <<'END'
        /.*	system_u:object_r:default_t:s0
        /[^/]+	--	system_u:object_r:etc_runtime_t:s0
        /	-d	system_u:object_r:root_t:s0
        /usr(/.*)?	system_u:object_r:usr_t:s0
        /usr/.*\.so(\.[^/]*)*	--	system_u:object_r:lib_t:s0
        /usr/s?bin(/.*)?	system_u:object_r:bin_t:s0
        /usr/bin/bash	--	system_u:object_r:shell_exec_t:s0
        /etc(/.*)?	system_u:object_r:etc_t:s0
        /etc/shadow.*	--	system_u:object_r:shadow_t:s0
        /dev(/.*)?	system_u:object_r:device_t:s0
        /dev/null	-c	system_u:object_r:null_device_t:s0
        /dev/ram.*	-b	system_u:object_r:fixed_disk_device_t:s15:c0.c1023
        /dev/pipe	-p	system_u:object_r:fifo_t:s0
        /proc(/.*)?	<<none>>
        /var(/.*)?	system_u:object_r:var_t:s0
        lost\+found	-d	system_u:object_r:lost_found_t:s0
        /lost\+found	-d	system_u:object_r:lost_found_t:s0
        /var/lost\+found	-d	system_u:object_r:lost_found_t:s0
        /var/log(/.*)?	system_u:object_r:var_log_t:s0
        /data	-d	system_u:object_r:mnt_t:s0
        /.*	-l	system_u:object_r:link_t:s0
        END
        sed -i '/^lost/d' file_contexts
        printf '/srv/own/home	system_u:object_r:home_t:s0\n' > file_contexts.homedirs
        printf '/srv/own/local	--	system_u:object_r:local_t:s0\n' > file_contexts.local
        printf '/opt /usr\n' > file_contexts.subs_dist
        """#

    private static let description = """
        boot:
          loader: none
        outputs: [raw]
        disks:
          - name: system
            size: 1GiB
            partitions:
              - mount: /var
                size: 128MiB
              - mount: /data
                size: 16MiB
              - mount: /
        """

    /// Every file's context, in the image and in the policy's words; `!` before those that differ.
    private static let judge = #"""
        import os, subprocess, stat, sys
        root, policy = sys.argv[1], sys.argv[2]
        kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFIFO: "pipe", stat.S_IFCHR: "chr_file", stat.S_IFBLK: "blk_file",
                 stat.S_IFLNK: "lnk_file", stat.S_IFSOCK: "sock_file"}
        files, first = {}, {}
        for folder, folders, names in os.walk(root):
            for name in [""] + [name for name in folders + names if name not in folders or os.path.islink(os.path.join(folder, name))]:
                place = os.path.normpath(os.path.join(folder, name))
                status = os.lstat(place)
                path = "/" + os.path.relpath(place, root) if place != root else "/"
                files[path] = (kinds[stat.S_IFMT(status.st_mode)], (status.st_dev, status.st_ino) if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode) else None)
        expected = {}
        for kind in set(kind for kind, _ in files.values()):
            paths = [path for path in files if files[path][0] == kind]
            for start in range(0, len(paths), 500):
                answer = subprocess.run(["matchpathcon", "-n", "-f", policy, "-m", kind] + paths[start:start + 500], stdout=subprocess.PIPE, text=True)
                expected.update(zip(paths[start:start + 500], answer.stdout.splitlines()))
        for path in sorted(files):
            link = files[path][1]
            if link: expected[path] = first.setdefault(link, expected[path])
            try: found = os.getxattr(root + path, "security.selinux", follow_symlinks=False).decode()
            except OSError: found = "<<none>>\0"
            print("" if found == expected[path] + "\0" else "!", path, " ", found[:-1], " ", expected[path], sep="")
        """#

    private func makeTree(in folder: String, withPolicy: Bool = true) async throws -> String {
        let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet + (withPolicy ? "policy\n" : ""), machine: Self.description)
        try Self.judge.write(toFile: folder + "/judge.py", atomically: true, encoding: .utf8)
        _ = try await shell(
            """
            cd '\(folder)'
            (\(Self.policy)
            )
            printf 'Name: policy\\nVersion: 1\\nRelease: 1\\nSummary: x\\nLicense: none\\nBuildArch: noarch\\n%%description\\nx\\n%%install\\ncp -a \(folder)/policy/. %%{buildroot}\\n%%files\\n/etc/selinux\\n' > policy.spec
            rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD" --define '__os_install_post %{nil}' policy.spec 2>&1
            cd '\(tree)/test/machines/one'
            mkdir rpms; mv '\(folder)'/noarch/*.rpm rpms/; \(withPolicy ? "true" : "rm -r rpms")
            rm -rf root-overlays; mkdir -p root-overlays/10-own/{srv/own,opt/bin}
            cd root-overlays/10-own; touch srv/own/{home,local,other}; ln srv/own/other opt/bin/zz; ln -s nowhere srv/own/link; touch "srv/own/a b"
            cd ../..; rm devices; printf '/dev/null c 666 1 3\\n/dev/ram0 b 660 1 0\\n/dev/pipe p 640\\n' > devices
            """)
        return tree
    }

    private func contexts(of image: String, _ folder: String) async throws -> [String] {
        try await shell(
            """
            mkdir -p '\(folder)/mount'; cd '\(folder)'
            sfdisk -J '\(image)' | python3 -c 'import json, sys
            for number, part in enumerate(json.load(sys.stdin)["partitiontable"]["partitions"]): print(number, part["start"] >> 11, part["size"] >> 11)' |
                while read -r number start size; do
                    dd if='\(image)' of=part$number bs=1M skip=$start count=$size conv=sparse status=none
                done
            unshare --mount bash -euc "mount -o ro,noload,loop part2 mount; mount -o ro,noload,loop part0 mount/var; mount -o ro,noload,loop part1 mount/data
            python3 judge.py '\(folder)/mount' '\(folder)/mount/etc/selinux/small/contexts/files/file_contexts'"
            """
        ).split(separator: "\n").map(String.init)
    }

    @Test("every file of the disks has the context of the root's policy, whoever brought it and whichever writer put it there")
    func contexts() async throws {
        try await Sandbox.withFolder { folder in
            let user = try await OrdinaryUser(in: folder)
            let tree = try await makeTree(in: folder)
            for writer in ["direct", "loop", "guestfs"] {
                let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "--disk-writer", writer, "test"])
                #expect(run.status == 0, "\(writer): \(run.output)\(run.errors)")
                let listing = try await contexts(of: folder + "/cache/test/one/artefacts/one.raw", folder)
                #expect(listing.count > 1000)
                let wrong = listing.filter { $0.hasPrefix("!") }
                #expect(wrong == [], "\(writer)")
                for line in [
                    "/ root_t", "/usr/bin/bash shell_exec_t", "/etc/shadow shadow_t", "/dev/null null_device_t", "/dev/pipe fifo_t",
                    "/srv/own/home home_t", "/srv/own/local local_t", "/srv/own/a b default_t", "/srv/own/link link_t", "/data mnt_t",
                    "/var var_t", "/lost+found lost_found_t", "/var/lost+found lost_found_t", "/init etc_runtime_t", "/opt/bin bin_t",
                ] {
                    let parts = line.split(separator: " ")
                    let start = parts.dropLast().joined(separator: " ") + " system_u:object_r:\(parts.last ?? ""):s0 "
                    #expect(listing.contains { $0.hasPrefix(start) }, "\(writer): \(line)")
                }
                #expect(listing.contains { $0.hasPrefix("/dev/ram0 system_u:object_r:fixed_disk_device_t:s15:c0.c1023 ") }, "\(writer)")
                #expect(listing.contains { $0.hasPrefix("/proc <<none>> ") }, "\(writer)")
            }
            // An ordinary user's kernel does not let the attribute be set; the disk has it all the same.
            let own = try await user.discographer(["build", "-c", tree, "-s", user.home + "/cache", "test"])
            #expect(own.status == 0, "\(own.output)\(own.errors)")
            let roots = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"])
            #expect(roots.status == 0)
            let images = [user.home, folder].map { $0 + "/cache/test/one/artefacts/one.raw" }
            #expect(try await run(["cmp"] + images).output == "")
        }
    }

    @Test("without a policy, or with tsflags=nocontexts, there are none, and the log says so")
    func none() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(in: folder, withPolicy: false)
            func log() async throws -> String {
                let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"])
                #expect(run.status == 0, "\(run.output)\(run.errors)")
                return try String(contentsOfFile: folder + "/cache/test/one/yum/log/build.log", encoding: .utf8)
            }
            #expect(try await log().contains("SELinux: no contexts are set: the root does not have /etc/selinux/config\n"))
            _ = try await shell("cp -a '\(folder)/policy/etc' '\(tree)/test/machines/one/root-overlays/10-own/'")
            #expect(try await log().contains(/SELinux: [0-9]+ files get the contexts of the policy 'small'\n/))
            let file = "root-overlays/10-own/etc/selinux/small/contexts/files/file_contexts"
            _ = try await shell("printf '/usr/bro[ken\\t--\\tsystem_u:object_r:x:s0\\n' >> '\(tree)/test/machines/one/\(file)'")
            let broken = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "test"])
            let words = "SELinux policy 'small' of the root does not give a context for /"
            #expect(broken.status == 1 && broken.output.contains(words), "\(broken.output)\(broken.errors)")
            _ = try await shell("sed -i '$a tsflags=nocontexts' '\(tree)'/templates/machines/yum/demo/yum.conf.template")
            #expect(try await log().contains("SELinux: no contexts are set (tsflags=nocontexts)\n"))
        }
    }
}
