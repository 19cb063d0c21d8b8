import ConfigurationTree
import Foundation
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// The same packages, installed by dnf and by discographer, make the same root and the same database.
@Suite("Against dnf --installroot", .enabled(if: InstallBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct DifferentialTests {
    @Test("the base set is installed as by dnf")
    func base() async throws { try await compare(["base"]) }

    @Test(
        "the larger sets are installed as by dnf", .enabled(if: InstallBench.asksAll, "DISCOGRAPHER_TEST_ALL=1"),
        arguments: ["web", "db", "app"])
    func others(set: String) async throws { try await compare(["base", set]) }

    /// Stand-ins for missing packages are empty, so that some scriptlets fail: the same ones as under dnf.
    @Test(
        "CentOS 7.6's @core and kernel (Lua, triggers, capabilities, setuid files) are installed as by dnf",
        .enabled(if: InstallBench.asksAll, "DISCOGRAPHER_TEST_ALL=1"),
        .enabled(
            if: exists(InstallBench.material.appending("centos76-minimal")),
            "DISCOGRAPHER_MATERIAL has no centos76-minimal"))
    func centos() async throws {
        try await InstallBench.with([.centos, .centosStandIns]) { bench in
            let begin = Int(Date().timeIntervalSince1970)
            let log = try await bench.installWithDNF(["@core", "kernel"], into: "dnf")
            let theirFailures = Set(log.matches(of: /(%[a-z]+\([^)]+\)) scriptlet failed/).map { String($0.1) })
            var job = try bench.job(try await bench.packages(in: "dnf"), into: "ours")
            // compare-roots can read only SQLite.
            job.convertsDatabase = false
            #expect(job.packages.count == 275)
            await #expect {
                try await bench.run(job)
            } throws: { error in
                guard let failure = error as? WorkerFailure, failure.kind == .scriptlet else { return false }
                return failure.message.contains("libsepol-2.5-10.el7.x86_64 %post: ")
                    && failure.message.contains("libtinfo.so.5: cannot open shared object file")
            }
            job.toleratedScriptlets = [
                ToleratedScriptlet(package: "libsepol", scriptlet: "%post", reason: "a stand-in's library is missing")
            ]
            job.installRoot = bench.folder.appending("tolerant")
            try createDirectories(job.installRoot)
            let outcome = try await bench.run(job)
            #expect(Set(outcome.failedScriptlets.map { "\($0.scriptlet)(\($0.package))" }) == theirFailures)
            try await bench.compare("tolerant", "dnf", options: ["--verbose", "--installed-since", "\(begin)"])
        }
    }

    @Test("without documentation, languages or a path, files and their states in the database are as by rpm")
    func parts() async throws {
        try await InstallBench.with { bench in
            let begin = Int(Date().timeIntervalSince1970)
            try await bench.installWithDNF(
                ["setup", "filesystem", "bash", "coreutils", "dash", "libc-bin", "passwd"], into: "dnf",
                options: "--setopt=tsflags=nodocs", macros: "%_install_langs de:fr")
            var job = try bench.job(try await bench.packages(in: "dnf"), into: "ours")
            job.transactionFlags = [.nodocs]
            job.languages = ["de", "fr"]
            _ = try await bench.run(job)
            try await bench.compare("ours", "dnf", options: ["--installed-since", "\(begin)"])
            #expect(!exists(bench.folder.pushing("ours/usr/share/doc/bash/README")))

            // dnf does not have an option for this, so rpm itself is compared with.
            job.installRoot = bench.folder.appending("excluding")
            try createDirectories(job.installRoot)
            job.transactionFlags = []
            job.languages = []
            job.excludedPaths = ["/usr/share/doc", "/usr/share/locale"]
            _ = try await bench.run(job)
            #expect(!exists(job.installRoot.pushing("usr/share/doc/bash")))
            #expect(exists(job.installRoot.pushing("usr/share/man/man1/bash.1.gz")))
            let states = try await InstallBench.program("/usr/bin/rpm").run([
                "--root", job.installRoot.string, "--dbpath", "/var/lib/rpm", "-q", "--state", "-l", "bash",
            ])
            #expect(states.contains(/not installed +.*\/usr\/share\/doc\/bash\n/))
            #expect(states.contains(/normal +.*\/usr\/bin\/bash\n/))
        }
    }

    /// Checked by CentOS's own rpm inside the root.
    @Test(
        "CentOS 7.6, whose rpm reads only Berkeley DB, gets a Berkeley DB",
        .enabled(if: InstallBench.asksAll, "DISCOGRAPHER_TEST_ALL=1"),
        .enabled(
            if: exists(InstallBench.material.appending("centos76-minimal")),
            "DISCOGRAPHER_MATERIAL has no centos76-minimal"))
    func berkeleyDatabase() async throws {
        try await InstallBench.with([.centos, .centosStandIns]) { bench in
            let packages = try await bench.packages(for: ["rpm"])
            var job = try bench.job(packages, into: "ours")
            job.toleratedScriptlets = [
                ToleratedScriptlet(package: "libsepol", scriptlet: "%post", reason: "a stand-in's library is missing")
            ]
            #expect(try await bench.run(job).warnings.filter { $0.text.contains("Berkeley") } == [])
            let database = job.installRoot.pushing("var/lib/rpm")
            #expect(exists(database.appending("Packages")) && exists(database.appending("Basenames")))
            #expect(!exists(database.appending("rpmdb.sqlite")))
            // Its cryptographic library needs /dev/urandom.
            let rpm = [
                "--mount", "bash", "-euc", #"mount --bind /dev "$1/dev"; exec chroot "$1" /usr/bin/rpm "${@:2}""#, "bash",
                job.installRoot.string,
            ]
            let unshare = InstallBench.program("/usr/bin/unshare")
            let all = try await unshare.run(rpm + ["-qa", "--qf", #"%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm\n"#])
            #expect(
                Set(all.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("gpg-pubkey") })
                    == Set(packages.map(\.nevra)))
            #expect(try await unshare.run(rpm + ["-qf", "/usr/bin/rpm"]).hasPrefix("rpm-4.11.3-35.el7"))
            #expect(try await unshare.run(rpm + ["-q", "--qf", "%{INSTALLTID}", "rpm"]) == "\(InstallBench.epoch)")
            #expect(try await unshare.run(rpm + ["-V", "rpm", "bash"]) == "")
        }
    }

    private func compare(_ sets: [String]) async throws {
        try await InstallBench.with { bench in
            let begin = Int(Date().timeIntervalSince1970)
            try await bench.installWithDNF(try InstallBench.packages(of: sets), into: "dnf")
            _ = try await bench.run(try bench.job(try await bench.packages(in: "dnf"), into: "ours"))
            try await bench.compare("ours", "dnf", options: ["--verbose", "--installed-since", "\(begin)"])
        }
    }
}
