import Foundation
import Testing

/// All disk writers give the same files.
@Suite("Disk writers", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct DiskWriterTests {
    @Test("direct, loop and guestfs write the same content")
    func sameContent() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet + "iputils-ping\nsudo\n", machine: Sandbox.noBootLoader)
            var listings: [String] = []
            for writer in ["direct", "loop", "guestfs"] {
                let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "--disk-writer", writer, "test"])
                #expect(run.status == 0, "\(writer): \(run.output)\(run.errors)")
                listings.append(try await listing(of: folder + "/cache/test/one/artefacts/one.raw", folder))
            }
            #expect(listings[0].split(separator: "\n").count > 1000)
            for other in listings.dropFirst() {
                let difference = Set(listings[0].split(separator: "\n")).symmetricDifference(other.split(separator: "\n"))
                #expect(difference.isEmpty, "\(difference.sorted().prefix(20).joined(separator: "\n"))")
            }
            #expect(listings[0].contains("cap_net_raw"))
            #expect(try await Sandbox.traces(of: folder) == [])
        }
    }

    /// Every entry's type, mode, owner, device number, link count, time, target, content, and capabilities.
    private func listing(of image: String, _ folder: String) async throws -> String {
        try await shell(
            """
            offset=$(sfdisk -J '\(image)' | python3 -c 'import json, sys; print(512 * json.load(sys.stdin)["partitiontable"]["partitions"][-1]["start"])')
            mkdir -p '\(folder)/mount'
            unshare --mount bash -euc "mount -o ro,noload,loop,offset=$offset '\(image)' '\(folder)/mount'; cd '\(folder)/mount'
            find . -path ./lost+found -prune -o -printf '%p %y %m %U:%G %n %l ' \\\\( -type f -printf '%s %T@' -o -true \\\\) -printf '\\\\n' | sort
            find . \\\\( -type b -o -type c \\\\) -exec stat -c '%n %t:%T' {} + | sort
            find . -type f -print0 | sort -z | xargs -0 sha256sum
            getcap -r . | sort"
            """)
    }
}
