import Foundation
import Testing

/// Builds in podman's containers, against root's build beside them. A container's root has this host's programs, so that no image is needed.
@Suite(
    "Containers", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"),
    .enabled(if: ProcessInfo.processInfo.environment["DISCOGRAPHER_TEST_ALL"] == "1", "DISCOGRAPHER_TEST_ALL=1"), .serialized)
struct ContainerTests {
    private static let flags = "--security-opt seccomp=unconfined --security-opt unmask=ALL"
    /// docs/rootless.md's, in an error.
    private static let allFlags = "for podman: \(flags), for docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined"

    /// A user, a tree of one small machine and a container's root, all below one folder that is at the same place in containers.
    private struct Stage {
        let folder: String
        let user: OrdinaryUser
        let tree: String
        /// Where Swift's libraries are.
        let runtime: String

        init(in folder: String) async throws {
            self.folder = folder
            user = try await OrdinaryUser(in: folder)
            tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            runtime = try await shell("dirname \"$(ldd '\(Sandbox.program)' | sed -n 's/.* => \\(.*libswiftCore.so\\) .*/\\1/p')\"")
                .trimmingCharacters(in: .whitespacesAndNewlines)
            _ = try await shell(
                """
                mkdir '\(folder)/container' '\(folder)/own'; cd '\(folder)/container'
                for name in bin sbin lib lib32 lib64 libx32; do [ -L /$name ] && cp -a /$name $name; done
                mkdir -p usr proc sys dev tmp run var/tmp root etc '.\(folder)' '.\(runtime)'
                cp -a /etc/passwd /etc/group /etc/os-release /etc/ld.so.c* etc/
                chmod 1777 tmp var/tmp; chown -R \(OrdinaryUser.number):\(OrdinaryUser.number) .
                """)
        }

        /// podman's command for a container of `user`, or of root; without limits and control groups, which not every host lets it set.
        func podman(_ options: String, root: String? = nil, rootless: Bool) -> String {
            let words =
                "podman run --rm --network none --cgroups=disabled --ulimit nofile=4096:4096 --ulimit nproc=1000:1000 \(options) "
                + "--volume /usr:/usr:ro --volume '\(runtime):\(runtime):ro' --volume '\(folder):\(folder)' "
                + "--rootfs \(root ?? folder + "/container")"
            // A user's podman leaves a process behind, whose namespaces the next one would join; and it waits for somebody to reap another (bash does).
            let alone = "unshare --pid --fork --kill-child --mount-proc bash -c '\"$@\"; exit $?' bash"
            guard rootless else { return "\(alone) \(words)" }
            return "\(alone) setpriv --reuid \(OrdinaryUser.number) --regid \(OrdinaryUser.number) --clear-groups "
                + "env -i HOME='\(user.home)' PATH=/usr/bin:/bin XDG_RUNTIME_DIR='\(user.home)/run' \(words)"
        }

        /// What the container runtimes need of a host that has control groups of both versions; seen by them alone.
        var prepare: String {
            "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup\n"
                + "mkdir -p '\(user.home)/run'; mount -t tmpfs -o mode=700,uid=\(OrdinaryUser.number) none '\(user.home)/run'"
        }

        func build(cache: String, in container: String) async throws -> Run {
            try await user.discographer(["build", "-c", tree, "-s", cache, "test"], prepare: prepare, become: container)
        }

        func doctor(in container: String) async throws -> Run {
            try await user.discographer(["doctor"], prepare: prepare, become: container)
        }
    }

    /// Whether podman can start anything at all here; says why not.
    private func canRun(_ stage: Stage, rootless: Bool) async throws -> Bool {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/podman") else {
            print("skipped: podman is not installed")
            return false
        }
        let container = stage.podman("", rootless: rootless)
        let script = "\(stage.prepare)\nmount --bind '\(stage.folder)/etc' /etc\n\(container) true"
        let trial = try await run(["unshare", "--mount", "bash", "-euc", script])
        if trial.status != 0 { print("skipped: podman does not start containers here: \(trial.errors)") }
        return trial.status == 0
    }

    @Test("get root's image, or a word on every option that is missing", arguments: [false, true])
    func build(rootless: Bool) async throws {
        try await Sandbox.withFolder { folder in
            let stage = try await Stage(in: folder)
            guard try await canRun(stage, rootless: rootless) else { return }
            let cache = (rootless ? stage.user.home : folder) + "/cache"
            for options in ["", "--security-opt unmask=ALL"] {
                let refused = try await stage.build(cache: cache, in: stage.podman(options, rootless: rootless))
                #expect(refused.status == 2, "\(options): \(refused.output)\(refused.errors)")
                #expect(refused.errors.contains(Self.allFlags), "\(options): \(refused.errors)")
            }
            #expect(!FileManager.default.fileExists(atPath: cache), "something was built")
            let asked = try await stage.doctor(in: stage.podman("", rootless: rootless))
            #expect(asked.status == 1 && asked.errors.contains(Self.allFlags), "\(asked.errors)")

            let container = stage.podman(Self.flags, rootless: rootless)
            #expect(try await stage.doctor(in: container).status == 0)
            let built = try await stage.build(cache: cache, in: container)
            #expect(built.status == 0, "\(built.output)\(built.errors)")
            let own = try await Sandbox.discographer(["build", "-c", stage.tree, "-s", folder + "/own", "test"])
            #expect(own.status == 0, "\(own.output)\(own.errors)")
            let images = [cache, folder + "/own"].map { $0 + "/test/one/artefacts/one.raw" }
            let difference = try await run(["cmp"] + images)
            #expect(difference.status == 0, "\(difference.output)\(difference.errors)")

            // A container's own files are a layer of overlayfs, on which no other can be.
            let layered = try await stage.build(
                cache: "/var/cache", in: stage.podman(Self.flags, root: folder + "/container:O", rootless: rootless))
            #expect(layered.status == 1, "\(layered.output)\(layered.errors)")
            #expect(layered.errors.contains("/var/cache: error: the cache cannot hold machines' layers: it is on overlayfs"), "\(layered.errors)")
            #expect(layered.errors.contains("a volume"), "\(layered.errors)")
        }
    }

    @Test("of a user without subordinate ids: told what to set on the host")
    func noSubordinateIDs() async throws {
        try await Sandbox.withFolder { folder in
            let stage = try await Stage(in: folder)
            try stage.user.setSubordinateIDs("other:100000:65536")
            guard try await canRun(stage, rootless: true) else { return }
            let refused = try await stage.build(cache: stage.user.home + "/cache", in: stage.podman(Self.flags, rootless: true))
            #expect(refused.status == 2)
            #expect(refused.errors.contains("this user namespace has 1 user or group ids"), "\(refused.errors)")
            #expect(refused.errors.contains("the host's /etc/subuid and /etc/subgid"), "\(refused.errors)")
        }
    }
}
