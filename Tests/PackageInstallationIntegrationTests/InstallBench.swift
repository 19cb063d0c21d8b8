// Shared by tests of installation: repositories, dnf as the other installer, and the worker under test.
import ConfigurationTree
import Foundation
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// A folder in which both install roots.
struct InstallBench: Sendable {
    private static let environment = ProcessInfo.processInfo.environment
    static let isAsked = environment["DISCOGRAPHER_INTEGRATION"] == "1" && geteuid() == 0
    /// Whether the slow suites run too: `make test-all`.
    static let asksAll = isAsked && environment["DISCOGRAPHER_TEST_ALL"] == "1"
    static let demoRepository = FilePath(environment["DISCOGRAPHER_DEMO_REPOSITORY"] ?? "/nonexistent")
    static let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    static let differential = checkout.pushing("Tests/Differential")
    static let material = FilePath(environment["DISCOGRAPHER_MATERIAL"] ?? "\(checkout)/../shared/material")
    /// Later than everything that a package or this suite makes.
    static let epoch = 2_000_000_000

    let folder: FilePath
    var repositories: [TestRepository]

    /// Calls `body` with a bench that is removed afterwards.
    static func with(
        _ repositories: [TestRepository] = [.demo], _ body: (InstallBench) async throws -> Void
    ) async throws {
        let folder = FilePath("/var/tmp/discographer-install-test-\(UUID().uuidString)")
        let bench = InstallBench(folder: folder, repositories: repositories)
        let result: Result<Void, any Error>
        do {
            try createDirectories(folder.appending("repositories"))
            let text = repositories.map(\.configuration).joined(separator: "\n")
            try writeAtomically(text.utf8, to: folder.pushing("repositories/test.repo"))
            result = .success(try await body(bench))
        } catch { result = .failure(error) }
        // Kept for inspection.
        if environment["DISCOGRAPHER_TEST_KEEP"] != "1" {
            try await Self.program("/bin/rm").run(["-rf", "--one-file-system", folder.string])
        }
        try result.get()
    }

    /// The names in sets of the test repository.
    static func packages(of sets: [String]) throws -> [String] {
        try sets.flatMap { set in
            try readText(checkout.pushing(FilePath("Tests/Repository/sets/\(set)"))).split(separator: "\n")
                .map(String.init).filter { !$0.hasPrefix("#") }
        }
    }

    static func program(_ path: FilePath) -> Tool {
        Tool(name: path.lastComponent?.string ?? "", path: path, package: "")
    }

    /// Installs with dnf.
    ///
    /// - Returns: what dnf printed.
    @discardableResult
    func installWithDNF(
        _ specs: [String], into root: String, options: String = "", macros: String = ""
    ) async throws -> String {
        var environment = minimalEnvironment
        environment["DNF_OPTIONS"] = options
        environment["RPM_MACROS"] = macros
        return try await Self.program(Self.differential.appending("install-with-dnf")).run(
            [
                folder.appending(root).string, folder.appending("scratch").string, "one", "\(Self.epoch)",
                folder.appending("repositories").string,
            ] + specs, environment: environment)
    }

    /// The package files of a root by its database, unordered.
    func packages(in root: String) async throws -> [PackageFile] {
        let list = try await Self.program("/usr/bin/rpm").run([
            "--root", folder.appending(root).string, "--dbpath", "/var/lib/rpm", "-qa", "--qf",
            #"%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n"#,
        ])
        return try packages(
            named: list.split(separator: "\n").filter { !$0.hasPrefix("gpg-pubkey-") }.map { "\($0).rpm" })
    }

    /// In the order of the repositories and then of their metadata, in which dnf passes them to rpm. rpm keeps this order where dependencies allow several.
    private func packages(named names: [String]) throws -> [PackageFile] {
        let found = repositories.map { repository in
            names.sorted().map { PackageFile(path: repository.folder.appending($0), nevra: $0, isSigned: repository.key != nil) }
                .filter { exists($0.path) }
        }
        let missing = Set(names).subtracting(found.joined().map(\.nevra))
        #expect(missing == [], "in no repository")
        return Array(found.joined())
    }

    func job(_ packages: [PackageFile], into root: String) throws -> InstallJob {
        let path = folder.appending(root)
        try createDirectories(path)
        var job = InstallJob(
            installRoot: path, packages: packages, keys: repositories.compactMap(\.key),
            sourceDateEpoch: Self.epoch, toleratedScriptlets: [])
        job.recordedKeys = job.keys
        return job
    }

    func run(_ job: InstallJob) async throws -> InstallOutcome {
        try await Worker(program: Self.worker).install(job)
    }

    /// A library that sets the clock of a program forty days ahead. It cannot change the times of inodes, which the kernel sets.
    private static let laterClock = """
        #define _GNU_SOURCE
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>
        static const time_t later = 40 * 86400;
        int clock_gettime(clockid_t clock, struct timespec *now) {
            int result = (int)syscall(SYS_clock_gettime, clock, now);
            if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += later;
            return result;
        }
        time_t time(time_t *result) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (result) *result = now.tv_sec;
            return now.tv_sec;
        }
        int gettimeofday(struct timeval *result, void *zone) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            *result = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
            return 0;
        }

        """

    /// Installs with another clock, umask, host name and environment.
    func runElsewhere(_ job: InstallJob) async throws -> InstallOutcome {
        // Scriptlets get the clock too. It is not in a temporary folder, since a folder with a file of the root is not put into memory.
        let place = FilePath("/var/lib/discographer-test-\(getpid())")
        try createDirectories(place)
        defer { try? FileManager.default.removeItem(atPath: place.string) }
        let (source, library) = (place.appending("later.c"), place.appending("later.so"))
        let inRoot = job.installRoot.pushing(library.removingRoot())
        try createDirectories(inRoot.removingLastComponent())
        try writeAtomically(Self.laterClock.utf8, to: source)
        try await Self.program("/usr/bin/env").run(
            ["clang", "-shared", "-fPIC", "-o", library.string, source.string],
            environment: ["PATH": Self.environment["PATH"] ?? ""])
        try await Self.program("/bin/cp").run([library.string, inRoot.string])
        let script = """
            #!/bin/bash
            umask 0077
            exec unshare --uts sh -c 'hostname elsewhere; export LD_PRELOAD="$0"; exec "$@"' '\(library)' '\(Self.worker)' "$@"

            """
        let program = folder.appending("worker-elsewhere")
        try writeAtomically(script.utf8, to: program, permissions: [.ownerReadWriteExecute])
        let changes = [
            "LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Tokyo", "HOME": "/tmp", "TMPDIR": "/nonexistent", "RPM_CONFIGDIR": "/nonexistent",
            "SOURCE_DATE_EPOCH": "7",
        ]
        for (name, value) in changes { setenv(name, value, 1) }
        defer { for name in changes.keys { unsetenv(name) } }
        let outcome = try await Worker(program: program).install(job)
        let brought = inRoot.removingLastComponent()
        try await Self.program("/bin/rm").run(["-r", brought.string])
        try await Self.program("/bin/touch").run(["--date=@\(Self.epoch)", brought.removingLastComponent().string])
        return outcome
    }

    /// The packages that dnf would install into an empty root.
    func packages(for specs: [String]) async throws -> [PackageFile] {
        let downloads = folder.appending("downloads")
        try await installWithDNF(specs, into: "resolved", options: "--downloadonly --destdir=\(downloads)")
        return try packages(named: try FileManager.default.contentsOfDirectory(atPath: downloads.string))
    }

    /// Compares two roots. A difference that is not in the list fails the test.
    func compare(
        _ ours: String, _ theirs: String, options: [String] = [], differences: String? = "installation-differences",
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async throws {
        let list = differences.map { ["--differences", Self.differential.appending($0).string] } ?? []
        do {
            let verdict = try await Self.program(Self.differential.appending("compare-roots")).run(
                list + options + [folder.appending(ours).string, folder.appending(theirs).string])
            print("\(ours) and \(theirs): \(verdict)", terminator: "")
        } catch {
            Issue.record("\(error)", sourceLocation: sourceLocation)
        }
    }

    /// Beside the test bundle, where `swift build` puts all products.
    static let worker: FilePath = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        var folder = FilePath(bundle).removingLastComponent()
        while !folder.isEmpty, folder != "/", !exists(folder.appending("discographer-worker")) {
            folder.removeLastComponent()
        }
        return folder == "/" ? checkout.pushing(".build/debug/discographer-worker") : folder.appending("discographer-worker")
    }()
}

/// A folder of packages, flat, with its repodata.
struct TestRepository: Sendable {
    var name: String
    var folder: FilePath
    /// `nil` when nothing in it is signed.
    var key: FilePath?

    static let demo = TestRepository(
        name: "demo",
        folder: FilePath(
            URL(fileURLWithPath: InstallBench.demoRepository.appending("x86_64").string).resolvingSymlinksInPath().path),
        key: InstallBench.demoRepository.appending("RPM-GPG-KEY-discographer-demo"))

    static let centos = TestRepository(
        name: "centos", folder: InstallBench.material.appending("centos76-minimal"),
        key: InstallBench.material.pushing("centos76-minimal/RPM-GPG-KEY-CentOS-7"))

    /// Unsigned stand-ins for CentOS's largest packages.
    static let centosStandIns = TestRepository(
        name: "stand-ins", folder: InstallBench.material.appending("centos76-stubs"), key: nil)

    var configuration: String {
        """
        [\(name)]
        name=\(name)
        baseurl=file://\(folder)
        gpgcheck=\(key == nil ? 0 : 1)
        \(key.map { "gpgkey=file://\($0)" } ?? "")

        """
    }
}
