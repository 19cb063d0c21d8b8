// Runs functions/*.functions as generator scriptlets do: sourced by bash. Programs that read such files check the result, if this host has them.
import Foundation
import Testing

@Suite("The functions of scriptlets")
struct FunctionsTests {
    private static let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private struct Outcome {
        var status: Int32
        var output: String
        var lines: [String] { output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }
    }

    /// Runs a script after the functions, in a new folder with a small root; `layer` is a generated layer.
    private func bash(_ script: String) throws -> Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = [
            "--noprofile", "--norc", "-c",
            #"""
            exec 2>&1
            # The worker's, whatever the caller's is.
            umask 022
            for file in "$functionsPath"/*.functions; do source "$file"; done
            set -e -o errtrace
            mkdir -p generated/10 own group root/etc tree group-tree; layer="$generatedMachineRootOverlaysPath/10"
            printf 'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:d:/usr/sbin:/usr/sbin/nologin\n' > root/etc/passwd
            printf 'root:*:17000:0:99999:7:::\ndaemon:*:17000:0:99999:7:::\n' > root/etc/shadow; chmod 640 root/etc/shadow
            printf 'root:x:0:\ndaemon:x:1:\nadm:x:4:daemon\n' > root/etc/group
            printf 'root:*::\ndaemon:*::\nadm:*::daemon\n' > root/etc/gshadow
            """# + "\n" + script,
        ]
        process.currentDirectoryURL = folder
        process.environment = [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "functionsPath": Self.checkout + "/functions",
            "SOURCE_DATE_EPOCH": "1500000000", "cacheMachineRpmInstallRootPath": folder.path + "/root",
            "generatedMachineRootOverlaysPath": folder.path + "/generated", "machine_configOverlaysPath": folder.path + "/tree",
            "generatedMachineGroupRootOverlaysPath": folder.path + "/group", "machine_group_configOverlaysPath": folder.path + "/group-tree",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: output)
    }

    @Test("every public function has a comment that begins with how it is called")
    func documented() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.checkout + "/functions") {
            let text = try String(contentsOfFile: Self.checkout + "/functions/" + name, encoding: .utf8)
            #expect(text.hasPrefix("# shellcheck shell=bash\n# "), "\(name)")
            for match in text.matches(of: try Regex(#"(?m)^([a-z_]+)\(\)$"#)) {
                let function = String(match.output[1].substring ?? "")
                #expect(function.hasPrefix("discographer_"), "\(name): \(function)")
                #expect(text.contains("\n# \(function) "), "\(name): \(function)")
            }
        }
    }

    @Test("they work under set -u and pipefail")
    func strict() throws {
        let run = try bash(
            """
            set -u -o pipefail
            discographer_hostname "$layer" one; discographer_hosts "$layer"; discographer_machine_id "$layer" ''
            discographer_network_dhcp "$layer" 'e*'; discographer_network_static "$layer" eth0 192.0.2.1/24 -
            discographer_network_keyfile_static "$layer" eth0 192.0.2.1/24 -; discographer_network_ifcfg_static "$layer" eth0 192.0.2.1/24 -
            discographer_mount "$layer" tmpfs /srv tmpfs; discographer_fstab "$layer" 'a b c'
            discographer_group "$layer" g 500; discographer_user "$layer" u 500 g /home/u; discographer_member "$layer" u adm
            discographer_password_hash "$layer" u '$6$x$y'; discographer_authorized_keys "$layer" u 'ssh-ed25519 AAAA'
            discographer_permission "$layer" /x root root 644
            echo all
            """)
        #expect(run.status == 0 && run.lines == ["all"], "\(run.output)")
    }

    @Test("hostname, hosts and machine-id")
    func identity() throws {
        let run = try bash(
            """
            discographer_hostname "$layer" web-1.example.org; discographer_hosts "$layer" '127.0.1.1 web-1' '192.0.2.9 db'
            discographer_machine_id "$layer" 0123456789abcdef0123456789abcdef
            cd "$layer/etc"; cat hostname hosts machine-id; stat -c %a machine-id
            """)
        #expect(
            run.lines == [
                "web-1.example.org", "127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", "127.0.1.1 web-1", "192.0.2.9 db",
                "0123456789abcdef0123456789abcdef", "444",
            ])
        #expect(try bash("discographer_machine_id \"$layer\" ''; stat -c '%s' \"$layer/etc/machine-id\"").lines == ["0"])
        for bad in [
            "machine_id \"$layer\" 0123", "machine_id \"$layer\" 0123456789ABCDEF0123456789ABCDEF", "hostname \"$layer\" -web",
            "hostname \"$layer\" 'a b'", "hostname \"$layer\" ''",
        ] {
            let run = try bash("discographer_\(bad); echo reached")
            #expect(run.status != 0 && run.output.contains("discographer_\(bad.prefix { $0 != " " }): '"), "\(bad): \(run.output)")
        }
    }

    @Test("networkd, NetworkManager and ifcfg")
    func network() throws {
        let run = try bash(
            """
            discographer_network_dhcp "$layer" 'e*'; discographer_network_static "$layer" eth1 192.0.2.10/24 192.0.2.1 192.0.2.2 192.0.2.3
            cd "$layer/etc"; cat systemd/network/*; readlink systemd/system/multi-user.target.wants/*
            """)
        #expect(
            run.lines == [
                "[Match]", "Name=eth1", "", "[Network]", "Address=192.0.2.10/24", "Gateway=192.0.2.1", "DNS=192.0.2.2", "DNS=192.0.2.3", "[Match]",
                "Name=e*", "", "[Network]", "DHCP=yes", "/usr/lib/systemd/system/systemd-networkd.service",
            ])
        let keyfiles = try bash(
            """
            discographer_network_keyfile_dhcp "$layer" eth0; discographer_network_keyfile_static "$layer" eth1 192.0.2.10/24 192.0.2.1 192.0.2.2 192.0.2.3
            discographer_network_keyfile_static "$layer" eth2 2001:db8::10/64 -
            cd "$layer/etc/NetworkManager/system-connections"; stat -c '%n %a' *; tail -n +6 eth1*; grep -A9 ipv6 eth2*
            """)
        #expect(
            keyfiles.lines == [
                "eth0.nmconnection 600", "eth1.nmconnection 600", "eth2.nmconnection 600", "[ipv4]", "method=manual",
                "address1=192.0.2.10/24,192.0.2.1", "dns=192.0.2.2;192.0.2.3;", "", "[ipv6]", "method=disabled", "[ipv6]", "method=manual",
                "address1=2001:db8::10/64", "", "[ipv4]", "method=disabled",
            ])
        let ifcfg = try bash(
            """
            discographer_network_ifcfg_dhcp "$layer" eth0; discographer_network_ifcfg_static "$layer" eth1 192.0.2.10/24 192.0.2.1 192.0.2.2
            cd "$layer/etc/sysconfig"; cat network-scripts/ifcfg-eth0; tail -n +5 network-scripts/ifcfg-eth1; cat network
            . ./network-scripts/ifcfg-eth1; echo "$IPADDR $PREFIX $GATEWAY $DNS1"
            """)
        #expect(
            ifcfg.lines == [
                "DEVICE=eth0", "NAME=eth0", "TYPE=Ethernet", "ONBOOT=yes", "BOOTPROTO=dhcp", "BOOTPROTO=none", "IPADDR=192.0.2.10", "PREFIX=24",
                "GATEWAY=192.0.2.1", "DNS1=192.0.2.2", "NETWORKING=yes", "192.0.2.10 24 192.0.2.1 192.0.2.2",
            ])
        for bad in ["192.0.2.10", "192.0.2.10/33", "2001:db8::1/129", "x/24", ""] {
            #expect(try bash("discographer_network_static \"$layer\" eth0 '\(bad)' -").output.contains("invalid address '\(bad)'"))
        }
    }

    @Test("mount units have systemd's names")
    func mounts() throws {
        let paths = ["/srv/my-data", "/", "//a///b/", "/.hidden/.x", "/mit Leer/ü", "/a_b:c.d", "/50%/x"]
        let ours = try bash("for path in \(paths.map { "'\($0)'" }.joined(separator: " ")); do discographer_unit_name \"$path\"; done").lines
        // systemd.unit(5), "String escaping for inclusion in unit names".
        #expect(
            ours == [
                #"srv-my\x2ddata"#, "-", "a-b", #"\x2ehidden-.x"#, #"mit\x20Leer-\xc3\xbc"#, "a_b:c.d", #"50\x25-x"#,
            ])
        if FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-escape") {
            #expect(try bash("systemd-escape --path -- \(paths.map { "'\($0)'" }.joined(separator: " ")) | tr ' ' '\\n'").lines == ours)
        }
        let run = try bash(
            """
            discographer_mount "$layer" files:/export /srv/my-data nfs _netdev,ro; discographer_mount "$layer" tmpfs /scratch tmpfs
            cd "$layer/etc/systemd/system"; find . -type l -printf '%p %l\\n' | sort; cat srv*
            """)
        #expect(
            run.lines == [
                "./local-fs.target.wants/scratch.mount /etc/systemd/system/scratch.mount",
                #"./remote-fs.target.wants/srv-my\x2ddata.mount /etc/systemd/system/srv-my\x2ddata.mount"#, "[Mount]", "What=files:/export",
                "Where=/srv/my-data", "Type=nfs", "Options=_netdev,ro",
            ])
        #expect(try bash("discographer_mount \"$layer\" a relative ext4").output.contains("'relative' is not absolute"))
    }

    @Test("users, groups, passwords and keys are whole files that pwck and grpck accept")
    func users() throws {
        let run = try bash(
            #"""
            discographer_group "$layer" staff 600
            discographer_user "$layer" anna 1000 staff /home/anna /bin/bash 'Anna A.'
            discographer_user "$layer" svc 990 daemon - /usr/sbin/nologin
            discographer_member "$layer" anna adm; discographer_member "$layer" anna adm
            discographer_password_hash "$layer" anna '$6$salt$hash/with.chars'; discographer_password_hash "$layer" root '!'
            discographer_authorized_keys "$layer" anna 'ssh-ed25519 AAAA anna@home' 'ssh-rsa BBBB'
            cd "$layer/etc"; for file in passwd shadow group gshadow; do echo "$file:"; cat $file; done; stat -c '%n %a' shadow
            cat ../home/anna/.ssh/authorized_keys; stat -c %a ../home/anna ../home/anna/.ssh ../home/anna/.ssh/authorized_keys
            cd ..; sed 's/^\(\/etc\/[a-z]*\) [0-9]* [0-9]*/\1 U G/' ../10.permissions
            if [[ -x /usr/sbin/pwck ]]; then
                pwck -q -r etc/passwd etc/shadow | grep -vE "directory '.*' does not exist|no changes|program '.*' does not exist" || true
                # It asks this host for anna.
                grpck -r etc/group etc/gshadow | grep -vE "no user anna|delete member 'anna'|no changes" || true
            fi
            """#)
        #expect(
            run.lines == [
                "passwd:", "root:x:0:0:root:/root:/bin/bash", "daemon:x:1:1:d:/usr/sbin:/usr/sbin/nologin",
                "anna:x:1000:600:Anna A.:/home/anna:/bin/bash", "svc:x:990:1::/nonexistent:/usr/sbin/nologin", "shadow:",
                "root:!:17000:0:99999:7:::", "daemon:*:17000:0:99999:7:::", "anna:$6$salt$hash/with.chars:17361:0:99999:7:::",
                "svc:!:17361:0:99999:7:::", "group:", "root:x:0:", "daemon:x:1:", "adm:x:4:daemon,anna", "staff:x:600:", "gshadow:", "root:*::",
                "daemon:*::", "adm:*::daemon,anna", "staff:!::", "shadow 640", "ssh-ed25519 AAAA anna@home", "ssh-rsa BBBB", "700", "700", "600",
                "/home/anna 1000 600 700", "/etc/passwd U G 644", "/etc/group U G 644", "/etc/gshadow U G 644", "/etc/shadow U G 640",
                "/home/anna/.ssh 1000 600 700", "/home/anna/.ssh/authorized_keys 1000 600 600",
            ], "\(run.output)")
    }

    @Test("a later layer builds on an earlier one")
    func layers() throws {
        let run = try bash(
            """
            mkdir -p group/05/etc tree/50/etc; cp root/etc/passwd group/05/etc/; echo 'fromgroup:x:5:0::/:/bin/sh' >> group/05/etc/passwd
            discographer_user "$generatedMachineRootOverlaysPath/10" a 1000 root /home/a; discographer_user "$generatedMachineRootOverlaysPath/20" b 1001 root /home/b
            cut -d: -f1 generated/20/etc/passwd
            """)
        #expect(run.lines == ["root", "daemon", "fromgroup", "a", "b"], "\(run.output)")
    }

    @Test(
        "mistakes fail with a message",
        arguments: [
            ("discographer_user \"$layer\" root 1000 root /x", "discographer_user: 'root' (1000): the root already has 'root'"),
            ("discographer_user \"$layer\" new 1 root /x", "discographer_user: 'new' (1): the root already has 'daemon'"),
            ("discographer_user \"$layer\" new 1000 none /x", "unknown group 'none'"),
            ("discographer_user \"$layer\" 'New User' 1000 root /x", "invalid name 'New User'"),
            ("discographer_user \"$layer\" new ten root /x", "invalid number 'ten'"),
            ("discographer_user \"$layer\" new 1000 root /x /bin/sh 'a:b'", "contains ':'"),
            ("discographer_group \"$layer\" adm 900", "'adm' (900): the root already has 'adm'"),
            ("discographer_member \"$layer\" nobody adm", "unknown user 'nobody'"),
            ("discographer_member \"$layer\" root none", "unknown group 'none'"),
            ("discographer_password_hash \"$layer\" nobody '$6$x'", "unknown user 'nobody'"),
            ("discographer_password_hash \"$layer\" root secret", "is not a hash; make one with 'openssl passwd -6'"),
            ("discographer_authorized_keys \"$layer\" nobody key", "unknown user 'nobody'"),
            ("discographer_ssh_host_keys \"$layer\" /nowhere", "/nowhere does not have keys"),
            ("unset cacheMachineRpmInstallRootPath; discographer_group \"$layer\" g 900", "use a machine's scriptlet"),
        ])
    func mistakes(_ call: String, _ words: String) throws {
        let run = try bash(call + "\necho reached")
        #expect(run.status != 0)
        #expect(run.output.contains(words), "\(run.output)")
        #expect(!run.output.contains("secret") && !run.output.contains("reached"))
    }

    @Test("SSH host keys are copied with their modes, never made")
    func hostKeys() throws {
        let run = try bash(
            """
            mkdir keys; echo private > keys/ssh_host_rsa_key; echo public > keys/ssh_host_rsa_key.pub; chmod 666 keys/*
            discographer_ssh_host_keys "$layer" keys; cd "$layer/etc/ssh"; stat -c '%n %a' *
            """)
        #expect(run.lines == ["ssh_host_rsa_key 600", "ssh_host_rsa_key.pub 644"])
        #expect(
            try bash("mkdir keys; echo x > keys/ssh_host_rsa_key; discographer_ssh_host_keys \"$layer\" keys").output.contains(
                "keys/ssh_host_rsa_key.pub is missing"))
    }

    @Test("a path has one line of permissions: the last")
    func permissions() throws {
        let run = try bash(
            """
            discographer_permission "$layer" /a root root 644; discographer_permission "$layer" /ab root root 600; discographer_permission "$layer" /a www adm 640 cap_net_raw=ep
            cat "$layer.permissions"
            """)
        #expect(run.lines == ["/ab root root 600", "/a www adm 640 cap_net_raw=ep"])
    }
}
