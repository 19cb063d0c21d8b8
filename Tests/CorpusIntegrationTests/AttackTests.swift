import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// Scriptlets that try to change the host. The host is compared before and after.
@Suite("Attacks", .enabled(if: CorpusBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct AttackTests {
    private static func attack(_ name: String, seconds: Int? = nil, _ look: (CorpusBench.Installation, FilePath) async throws -> Void)
        async throws
    {
        try await CorpusBench.with { folder in
            let before = try await CorpusBench.host()
            let root = folder.appending("root")
            let result = try await CorpusBench.install(["tools", "attack-\(name)"], into: root) { job in
                if let seconds { job.scriptletLimits.seconds = seconds }
            }
            try await look(result, root)
            #expect(try await CorpusBench.host() == before)
            // Whatever they did to their own root, it can be removed, and the next one can be built.
            let next = try await CorpusBench.install(["tools", "scriptlets-sh"], into: folder.appending("next"))
            #expect(next.failure == nil)
        }
    }

    @Test("a scriptlet cannot reach the host's kernel, devices, processes, network and environment")
    func probing() async throws {
        try await Self.attack("probing") { result, root in
            #expect(result.failure == nil, "\(result.failure?.message ?? "")")
            let lines = result.output.split(separator: "\n").map(String.init)
            let reached = lines.filter { line in
                ["DONE", "WRITTEN", "READ", "REACHED", "sees", "is open"].contains(where: line.contains)
            }
            #expect(reached == [])
            // Each was tried, and refused for lack of privilege.
            #expect(lines.filter { $0.hasSuffix(": refused") }.count == 48, "\(result.output)")
            func values(_ prefix: String) -> [String] {
                lines.filter { $0.hasPrefix(prefix + ": ") }.map { String($0.dropFirst(prefix.count + 2)) }
            }
            #expect(
                values("environment").filter { !$0.hasPrefix("SHLVL=") && !$0.hasPrefix("OLDPWD=") && !$0.hasPrefix("_=") } == [
                    "DRACUT_NO_MKNOD=1", "HOME=/root", "LC_ALL=C", "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/X11R6/bin", "PWD=/",
                    "SOURCE_DATE_EPOCH=1600000000", "TZ=UTC",
                ])
            #expect(values("name") == ["localhost"])
            #expect(values("mask") == ["0022"])
            #expect(values("user") == ["0:0"])
            #expect(values("input") == ["0"])
            #expect(values("zone") == ["UTC"])
            #expect(values("interface") == ["lo"])
            #expect(
                values("device") == [
                    "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero",
                ])
            #expect(values("signals") == ["sent"] && lines.contains("Lua: still here"))
            #expect(lines.contains("Lua: looked at descriptors"))
            #expect(values("stranger") == [])
            #expect(values("disks") == ["not waited for"])
            #expect(
                values("mounted").allSatisfy { path in
                    ["/", "/proc", "/sys", "/dev", "/tmp", "/var/tmp"].contains { path == $0 || path.hasPrefix($0 + "/") }
                })
            let mode = try await CorpusBench.shell("stat -c %a \"$1/usr/share\"", root.string)
            #expect(mode == "755\n", "a scriptlet's umask stayed")
        }
    }

    @Test("daemons do not outlive their scriptlet; a warning names them")
    func daemon() async throws {
        try await Self.attack("daemon") { result, _ in
            #expect(result.failure == nil)
            #expect(
                result.warnings.contains {
                    $0.contains("corpus-attack-daemon-1-1.noarch %post left running: ") && $0.contains("sleep") && $0.hasSuffix("; stopped")
                },
                "\(result.warnings)")
        }
    }

    @Test("a fork bomb is stopped and reported", .enabled(if: CorpusBench.asksAll, "DISCOGRAPHER_TEST_ALL=1: it keeps the host busy"))
    func bomb() async throws {
        try await Self.attack("bomb") { result, _ in
            #expect(result.failure?.kind == .scriptlet)
            #expect(result.failure?.message.contains("corpus-attack-bomb-1-1.noarch %post: ") == true)
            #expect(result.failure?.message.contains("it had more than 1024 processes and was stopped") == true, "\(result.failure?.message ?? "")")
        }
    }

    @Test("a scriptlet that does not end is stopped", arguments: ["sleeper", "spinning-lua"])
    func endless(_ name: String) async throws {
        try await Self.attack(name, seconds: 1) { result, _ in
            #expect(result.failure?.kind == .scriptlet)
            #expect(result.failure?.message.contains("corpus-attack-\(name)-1-1.noarch %post: ") == true)
            #expect(result.failure?.message.contains("it did not end within 1 s and was stopped") == true, "\(result.failure?.message ?? "")")
        }
    }

    @Test("the beginning and the end of 100 MB of output are kept")
    func loud() async throws {
        try await Self.attack("loud") { result, _ in
            #expect(result.failure == nil)
            #expect(result.output.hasPrefix("a line of thirty-two characters.\n") && result.output.hasSuffix("the last line\n"))
            #expect(result.output.contains("bytes left out") && result.output.utf8.count < 2 << 20)
        }
    }

    @Test("a scriptlet that deletes everything harms only its root, and that root is not used")
    func eraser() async throws {
        try await Self.attack("eraser") { result, _ in
            #expect(result.failure?.message.contains("a scriptlet has deleted it") == true, "\(result.failure?.message ?? "")")
        }
    }

    @Test("a scriptlet that fills the disk fails with the program's message; the next build has the space again")
    func filler() async throws {
        try await CorpusBench.with { folder in
            let disk = folder.appending("disk")
            try createDirectories(disk)
            _ = try await CorpusBench.shell("mount -t tmpfs -o size=32m tmpfs \"$1\"", disk.string)
            let root = disk.appending("root")
            let result = try? await CorpusBench.install(["tools", "attack-filler"], into: root)
            let next = try? await CorpusBench.shell("rm -rf \"$1\"", root.string)
            let good = try? await CorpusBench.install(["tools", "scriptlets-sh"], into: root)
            _ = try await CorpusBench.shell("umount \"$1\"", disk.string)
            #expect(result?.failure?.message.contains("corpus-attack-filler-1-1.noarch %post") == true, "\(result?.failure?.message ?? "")")
            #expect(result?.failure?.message.contains("No space left on device") == true, "\(result?.failure?.message ?? "")")
            #expect(next != nil && good?.outcome != nil)
        }
    }
}
