import Foundation
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// The same packages, installed by dnf and by us, make the same root and the same database.
@Suite("Against dnf --installroot", .enabled(if: InstallBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct DifferentialTests {
    @Test("the base set")
    func base() async throws { try await compare(["base"]) }

    @Test(
        "the sets that need more time", .enabled(if: InstallBench.asksAll, "DISCOGRAPHER_TEST_ALL=1"),
        arguments: ["web", "db", "app"])
    func others(set: String) async throws { try await compare(["base", set]) }

    private func compare(_ sets: [String]) async throws {
        try await InstallBench.with { bench in
            let begin = Int(Date().timeIntervalSince1970)
            try await bench.installWithDNF(try InstallBench.packages(of: sets), into: "dnf")
            _ = try await bench.run(try bench.job(try await bench.packages(in: "dnf"), into: "ours"))
            try await bench.compare("ours", "dnf", options: ["--verbose", "--installed-since", "\(begin)"])
        }
    }
}
