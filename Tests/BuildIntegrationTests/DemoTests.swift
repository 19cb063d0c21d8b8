import Foundation
import Testing

/// The demo's machines, built once for all tests of the suite, judged by the tools of other people.
@Suite("The demo", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct DemoTests {
    static let cache = "/var/tmp/discographer-demo-test-\(getpid())"
    static let tree = cache + "/tree"

    /// A service that prints what the tests want to know of the running machine.
    private static let facts = """
        [Unit]
        After=multi-user.target
        [Service]
        Type=oneshot
        StandardOutput=tty
        TTYPath=/dev/ttyS0
        ExecStart=/bin/bash -c 'echo FACTS-BEGIN; echo "name: $(hostname)"; tr " " "\\n" < /proc/cmdline | grep ^init=; cat /proc/1/comm; \
        cat /etc/motd; stat -c "%%n %%F %%a %%t:%%T" /dev/console /dev/null /dev/ram0 /dev/xconsole; echo "failed: $(systemctl --failed --no-legend | wc -l)"; echo FACTS-END'
        """

    private static func build() async throws -> Run {
        try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "demo"])
    }

    @Test("builds three machines; the second time all is cached")
    func buildsTwice() async throws {
        _ = try await shell(
            """
            mkdir -p '\(Self.cache)'
            cp -a '\(Sandbox.checkout)/config-template' '\(Self.tree)'
            units='\(Self.tree)/demo/machines/base/root-overlays/90-facts/etc/systemd/system'
            mkdir -p "$units/multi-user.target.wants"
            ln -s /etc/systemd/system/facts.service "$units/multi-user.target.wants/facts.service"
            """)
        try Self.facts.write(
            toFile: Self.tree + "/demo/machines/base/root-overlays/90-facts/etc/systemd/system/facts.service", atomically: true, encoding: .utf8)
        let before = try await shell("find '\(Self.tree)' -printf '%p %m %s %T@\\n' | sort")
        let first = try await Self.build()
        #expect(first.status == 0, "\(first.output)\(first.errors)")
        for machine in ["base", "web", "db"] {
            let folder = "\(Self.cache)/demo/\(machine)/artefacts"
            for file in ["\(machine).qcow2", "\(machine).vmdk", "\(machine).ovf"] {
                #expect(FileManager.default.fileExists(atPath: "\(folder)/\(file)"), "\(file)")
            }
        }
        let second = try await Self.build()
        #expect(second.status == 0)
        for machine in ["base", "web", "db"] {
            for stage in ["fetch", "install", "compose", "disk", "image"] {
                #expect(second.output.contains(try Regex("demo/\(machine) +\(stage)( [^ ]+)? +cached")), "\(second.output)")
            }
        }
        #expect(try await shell("find '\(Self.tree)' -printf '%p %m %s %T@\\n' | sort") == before, "the tree was changed")
        #expect(try await Sandbox.traces(of: Self.cache) == [])
    }

    @Test("disks are sound in the eyes of qemu-img, file, sfdisk and e2fsck")
    func disks() async throws {
        for machine in ["base", "web", "db"] {
            let image = "\(Self.cache)/demo/\(machine)/artefacts/\(machine)"
            #expect(try await shell("qemu-img check '\(image).qcow2'").contains("No errors"))
            #expect(try await shell("file '\(image).qcow2'").contains("QEMU QCOW"))
            #expect(try await shell("file '\(image).vmdk'").contains("VMware4 disk image"))
            #expect(try await shell("qemu-img info '\(image).vmdk'").contains("streamOptimized"))
        }
        let raw = Self.cache + "/base.raw"
        _ = try await shell("qemu-img convert -O raw '\(Self.cache)/demo/base/artefacts/base.qcow2' '\(raw)'")
        #expect(try await shell("file '\(raw)'").contains("boot sector"))
        let table = try JSONSerialization.jsonObject(with: Data(try await shell("sfdisk -J '\(raw)'").utf8)) as? [String: [String: Any]]
        let partitions = table?["partitiontable"]?["partitions"] as? [[String: Any]]
        #expect(table?["partitiontable"]?["label"] as? String == "gpt")
        #expect(partitions?.count == 2)
        let start = try #require(partitions?.last?["start"] as? Int)
        _ = try await shell("sfdisk --verify '\(raw)'")
        let size = try #require(partitions?.last?["size"] as? Int)
        _ = try await shell("dd if='\(raw)' of='\(raw).ext4' bs=512 skip=\(start) count=\(size) conv=sparse status=none; e2fsck -fn '\(raw).ext4'")
        // The same content is in the VMDK.
        #expect(try await shell("qemu-img compare '\(raw)' '\(Self.cache)/demo/base/artefacts/base.vmdk'").contains("identical"))
    }

    @Test("rpm -Va finds only what overlays changed; files have their owners")
    func packages() async throws {
        let listing = try await inside(
            "web",
            """
            rpm --root "$root" --dbpath /var/lib/rpm -Va || true
            echo; stat -c '%n %U:%G %a' "$root/var/www/html/index.html" "$root/init" "$root/etc/motd"
            grep -c . "$root/etc/fstab"; cat "$root/etc/hostname"; ls -l "$root/dev"
            """)
        let verdict = try Regex(#"^[S.][M.?][5.?][D.][L.][U.][G.][T.]"#)
        let changed = listing.split(separator: "\n").filter { $0.contains(verdict) || $0.hasPrefix("missing") }
        // The template's overlays bring the first three; fstab is made for the machine's disks.
        let expected = ["/etc/hosts", "/etc/motd", "/etc/hostname", "/etc/fstab"]
        for line in changed { #expect(expected.contains { line.hasSuffix($0) }, "\(line)") }
        #expect(listing.contains("/var/www/html/index.html www-data:www-data 640"))
        #expect(listing.contains("/init root:root 755"))
        #expect(listing.contains("/etc/motd root:root 644"))
        #expect(listing.contains(try Regex(#"crw-rw-rw- +1 root root +1, +3 .* null"#)))
        #expect(listing.contains(try Regex(#"prw-r----- +1 root root .* xconsole"#)))
    }

    /// Runs a script with `root` at a machine's root, mounted read-only in a name space of its own.
    private func inside(_ machine: String, _ script: String) async throws -> String {
        let raw = "\(Self.cache)/\(machine).raw"
        return try await shell(
            """
            [ -e '\(raw)' ] || qemu-img convert -O raw '\(Self.cache)/demo/\(machine)/artefacts/\(machine).qcow2' '\(raw)'
            start=$(sfdisk -J '\(raw)' | python3 -c 'import json, sys; print(json.load(sys.stdin)["partitiontable"]["partitions"][-1]["start"])')
            export root='\(Self.cache)/mount'; mkdir -p "$root"
            export offset=$((start * 512))
            unshare --mount bash -euc 'mount -o ro,noload,loop,offset=$offset "\(raw)" "$root"; \(script.replacing("'", with: "'\\''"))'
            """)
    }

    @Test("the OVF follows the DMTF's schema")
    func ovf() async throws {
        let file = "\(Self.cache)/demo/base/artefacts/base.ovf"
        _ = try await shell("xmllint --noout '\(file)'")
        _ = try await shell("cd '\(Self.cache)/demo/base/artefacts'; sed 's/SHA1(\\(.*\\))= \\(.*\\)/\\2  \\1/' base.mf | sha1sum --check")
        let material = ProcessInfo.processInfo.environment["DISCOGRAPHER_MATERIAL"] ?? Sandbox.checkout + "/../shared/material"
        let schema = material + "/dmtf/ovf-1.1.1/dsp8023_1.1.1.xsd"
        guard FileManager.default.fileExists(atPath: schema) else {
            print("skipped: the DMTF's schema is not at \(schema)")
            return
        }
        _ = try await shell("xmllint --nonet --noout --schema '\(schema)' '\(file)'")
    }

    @Test("boots to a login prompt with /init, the host name, the devices and the overlays")
    func boots() async throws {
        let run = try await Sandbox.discographer([
            "run", "-v", "-c", Self.tree, "-s", Self.cache, "--headless", "--until", "(?s)FACTS-END.*base login:|base login:.*FACTS-END", "--timeout",
            "1200", "demo/base",
        ])
        #expect(run.status == 0, "\(run.output.suffix(4000))\(run.errors)")
        // Swift takes CR LF for one Character.
        let console = String(decoding: run.output.utf8.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        #expect(console.contains("base: /init starts systemd"))
        #expect(console.contains("base login:"))
        let facts = try #require(console.components(separatedBy: "FACTS-BEGIN\n").last?.components(separatedBy: "\nFACTS-END").first)
            .split(separator: "\n").map(String.init)
        // The prompt comes when it likes, in between too.
        #expect(facts.contains("name: base"))
        #expect(facts.contains("init=/init"))
        #expect(facts.contains("systemd"))
        #expect(facts.contains { $0.hasPrefix("This machine is never patched") })
        #expect(facts.contains("/dev/console character special file 600 5:1") || facts.contains("/dev/console character special file 620 5:1"))
        #expect(facts.contains("/dev/null character special file 666 1:3"))
        #expect(facts.contains("/dev/ram0 block special file 660 1:0"))
        #expect(facts.contains("/dev/xconsole fifo 640 0:0"))
        #expect(facts.contains("failed: 0"), "units failed: \(facts)")
    }

    @Test("ends with nothing left behind")
    func cleansUp() async throws {
        #expect(try await Sandbox.traces(of: Self.cache) == [])
        _ = try await run(["rm", "-rf", "--one-file-system", Self.cache])
    }
}
