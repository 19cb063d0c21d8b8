import Foundation
import Testing

/// The features of ext4 follow the guest's own e2fsprogs; judged by e2fsck and dumpe2fs of this host, and by the guest's own where it can be had.
@Suite("File systems that the guest can check", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct GuestFileSystemTests {
    private static let material = ProcessInfo.processInfo.environment["DISCOGRAPHER_MATERIAL"] ?? Sandbox.checkout + "/../shared/material"

    /// A version of e2fsprogs, as Enterprise Linux 6 to 9 have them; features that it must not find, and those that it makes by default.
    private static let profiles: [(version: String, without: [String], with: [String])] = [
        ("1.41.12", ["metadata_csum", "64bit"], ["uninit_bg", "extent", "has_journal"]),
        ("1.42.9", ["metadata_csum"], ["64bit", "uninit_bg", "extent"]),
        ("1.45.6", ["metadata_csum_seed", "orphan_file", "uninit_bg"], ["64bit", "metadata_csum"]),
        ("1.46.5", ["metadata_csum_seed", "orphan_file", "uninit_bg"], ["64bit", "metadata_csum"]),
    ]

    @Test("have the features of the guest's e2fsprogs, and those that machine.yaml adds", arguments: 0..<4)
    func features(_ index: Int) async throws {
        let (version, without, with) = Self.profiles[index]
        try await Sandbox.withFolder { folder in
            try await SmallRepository.make(at: folder + "/r", [SmallPackage("e2fsprogs", version), SmallPackage("setup")])
            let tree = try SmallRepository.tree(
                in: folder, machines: ["m": "e2fsprogs\n"], repositories: ["r": "baseurl=file://\(folder)/r\ngpgcheck=0"])
            let built = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
            #expect(built.status == 0, "\(built.output)\(built.errors)")
            let found = try await features(of: folder + "/cache/g/m/artefacts/m.raw", in: folder)
            for name in without { #expect(!found.contains(Substring(name)), "\(name): \(found)") }
            for name in with { #expect(found.contains(Substring(name)), "\(name): \(found)") }

            let yaml = "disks: [{partitions: [{mount: /, features: [^huge_file, metadata_csum]}]}]\n"
            try yaml.write(toFile: tree + "/g/machines/m/machine.yaml", atomically: true, encoding: .utf8)
            let changed = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
            if index < 2 {
                #expect(
                    changed.status != 0 && changed.output.contains("metadata_csum, which e2fsprogs \(version) of the machine does not know"),
                    "\(changed)")
            } else {
                #expect(changed.status == 0, "\(changed.output)\(changed.errors)")
                let found = try await features(of: folder + "/cache/g/m/artefacts/m.raw", in: folder)
                #expect(!found.contains("huge_file") && found.contains("metadata_csum"), "\(found)")
            }
        }
    }

    /// Of the last partition, which e2fsck of this host accepts.
    private func features(of disk: String, in folder: String) async throws -> [Substring] {
        try await shell(
            """
            start=$(sfdisk -J '\(disk)' | python3 -c 'import json, sys; print(json.load(sys.stdin)["partitiontable"]["partitions"][-1]["start"])')
            dd if='\(disk)' of='\(folder)/partition' bs=512 skip=$start conv=sparse status=none
            e2fsck -fn '\(folder)/partition' > '\(folder)/e2fsck' 2>&1 || { cat '\(folder)/e2fsck'; exit 1; }
            dumpe2fs -h '\(folder)/partition' 2>/dev/null | sed -n 's/^Filesystem features: *//p'
            """
        ).split(whereSeparator: \.isWhitespace)
    }

    @Test("CentOS 7.6's own e2fsck accepts the disk of its machine")
    func centOS() async throws {
        let packages = Self.material + "/centos76-minimal"
        guard FileManager.default.fileExists(atPath: packages) else { return print("skipped: CentOS's packages are not at \(packages)") }
        try await Sandbox.withFolder { folder in
            let stubs = "baseurl=file://\(Self.material)/centos76-stubs\ngpgcheck=0"
            let real = "baseurl=file://\(packages)\ngpgcheck=1\ngpgkey=file://\(packages)/RPM-GPG-KEY-CentOS-7"
            let tree = try SmallRepository.tree(
                in: folder, machines: ["m": "e2fsprogs\nbash\n"], repositories: ["real": real, "stubs": stubs], configuration: "releasever=7\n")
            let built = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
            #expect(built.status == 0, "\(built.output)\(built.errors)")
            _ = try await features(of: folder + "/cache/g/m/artefacts/m.raw", in: folder)
            let root = folder + "/cache/g/m/minimal-appliance/installed-packages/root"
            let verdict = try await shell(
                """
                mkdir '\(folder)/root'
                unshare --mount bash -euc 'mount -t overlay overlay -o "ro,lowerdir=$0:\(folder)/empty" "$1"; mount --bind "$2" "$1/media"; \
                chroot "$1" /sbin/e2fsck -V; chroot "$1" /sbin/e2fsck -fn /media/partition' "$(realpath '\(root)')" '\(folder)/root' '\(folder)' 2>&1
                """.replacing("unshare", with: "mkdir '\(folder)/empty'; unshare"))
            #expect(verdict.contains("1.42.9"), "\(verdict)")
        }
    }
}
