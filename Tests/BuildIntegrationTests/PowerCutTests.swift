import Foundation
import Testing

/// What of a cache counts when the power went: its disk is copied as it is at a moment, with the journal and without what the kernel had not written yet.
@Suite("Power cuts", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct PowerCutTests {
    private static let machine =
        Sandbox.noBootLoader + "disks:\n  - name: system\n    size: 512MiB\n    partitions:\n      - mount: /\n"

    /// Builds on a disk of its own, is stopped after a stage, and builds on with what is on the disk then, on another boot.
    ///
    /// - Parameter stage: of which events of --json tell the end; `nil`: the build is left to end by itself.
    /// - Returns: the second build's output, and its image's checksum.
    private func buildAgain(in folder: String, tree: String, after stage: String?) async throws -> (output: String, image: String, first: String) {
        let program = "'\(Sandbox.program)' build --json -c '\(tree)' -s \(folder)/disk/cache test"
        // ext4 writes its journal every second here, and contents of new files when the kernel feels like it.
        let text = try await shell(
            """
            cd '\(folder)'; mkdir -p disk; truncate -s 3G image; mkfs.ext4 -q image
            unshare --mount bash -euc '
                mount -o loop,commit=1 image disk
                mkfifo events; \(program) > events 2> errors & build=$!
                while read -r line <&3; do
                    case $line in *stageFinished*\\"\(stage ?? "none")\\"*) kill -KILL $build; sleep 3; break;; esac
                done 3< events
                cp --sparse=always image copy
                wait $build 2>/dev/null || true
                find disk -name one.raw -exec sha256sum {} + | cut -d" " -f1 > first
            '
            mv copy image; echo '00000000-0000-0000-0000-000000000000' > boot
            unshare --mount bash -euc '
                mount -o loop image disk
                find disk -name one.raw -exec sha256sum {} + | cut -d" " -f1 > found
                mount --bind boot /proc/sys/kernel/random/boot_id
                \(program) > second
                sha256sum disk/cache/test/one/artefacts/one.raw | cut -d" " -f1
            '
            """)
        func read(_ name: String) throws -> String { try String(contentsOfFile: folder + "/" + name, encoding: .utf8) }
        #expect(try read("found") == read("first"), "artefacts")
        return (try read("second"), text, try read("first"))
    }

    private func cachedStages(_ events: String) throws -> [String] {
        try events.split(separator: "\n").compactMap { line in
            let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return event?["cached"] as? Bool == true ? event?["stage"] as? String : nil
        }
    }

    @Test("after the installation it does not count: it is made again, and the image is the same")
    func afterInstallation() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Self.machine)
            let own = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/own", "test"])
            #expect(own.status == 0, "\(own.output)\(own.errors)")
            let image = try await shell("sha256sum '\(folder)/own/test/one/artefacts/one.raw' | cut -d' ' -f1")
            let second = try await buildAgain(in: folder, tree: tree, after: "install")
            #expect(second.image == image)
            #expect(try cachedStages(second.output) == [])
        }
    }

    @Test("after the build all of it counts: artefacts and stages are on the disk")
    func afterBuild() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Self.machine)
            let second = try await buildAgain(in: folder, tree: tree, after: nil)
            #expect(second.image == second.first)
            #expect(try cachedStages(second.output) == ["fetch", "install", "compose", "disk", "image"])
            // The stages' results too, when something else is asked of them.
            let third = try await shell(
                """
                cd '\(folder)'; unshare --mount bash -euc '
                    mount -o loop image disk
                    mount --bind boot /proc/sys/kernel/random/boot_id
                    "\(Sandbox.program)" build --json --output qcow2 -c "\(tree)" -s disk/cache test'
                """)
            #expect(try cachedStages(third) == ["fetch", "install", "compose", "disk"])
        }
    }
}
