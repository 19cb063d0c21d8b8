import HostSystem
import PackageInstallation
import SystemPackage
import Testing

@Suite("The same root again", .enabled(if: InstallBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct ReproducibilityTests {
    /// The demo's base without its kernel, whose initramfs takes most of the time.
    private static let specs = [
        "setup", "filesystem", "bash", "ca-certificates", "coreutils", "dash", "dbus", "kmod", "libc-bin", "login",
        "openssh-server", "passwd", "rsyslog", "sudo", "systemd", "systemd-sysv", "udev", "util-linux",
    ]

    @Test("on another day and in another environment every file, time and byte of the database is the same")
    func again() async throws { try await again(Self.specs) }

    @Test(
        "the whole base set, including kernel and initramfs, is the same", .enabled(if: InstallBench.asksAll, "DISCOGRAPHER_TEST_ALL=1"))
    func base() async throws { try await again(try InstallBench.packages(of: ["base"])) }

    private func again(_ specs: [String]) async throws {
        try await InstallBench.with { bench in
            let packages = try await bench.packages(for: specs)
            _ = try await bench.run(try bench.job(packages, into: "first"))
            // Some programs round times to two seconds.
            try await Task.sleep(for: .seconds(3))
            var job = try bench.job(packages, into: "second/deeper")
            // A build host with little memory has temporary folders on disk.
            job.temporaryBytes = nil
            _ = try await bench.runElsewhere(job)
            try await bench.compare("first", "second/deeper", differences: nil)
        }
    }
}
