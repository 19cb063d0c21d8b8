import Foundation
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// Refusals before an installation begins, compared with `rpmkeys --checksig`.
@Suite("Verification of packages", .enabled(if: InstallBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct VerifyPackagesTests {
    @Test("accepts and refuses the same packages as rpmkeys, and reports all refusals")
    func asRPM() async throws {
        try await InstallBench.with { bench in
            let key = try #require(TestRepository.demo.key)
            let originals = try FileManager.default.contentsOfDirectory(atPath: TestRepository.demo.folder.string)
                .filter { $0.hasSuffix(".rpm") }.sorted().prefix(8)
            let folder = bench.folder.appending("packages")
            try createDirectories(folder)
            var packages: [PackageFile] = []
            for (index, name) in originals.enumerated() {
                var bytes = try readBytes(TestRepository.demo.folder.appending(name))
                switch index {
                case 1: bytes[bytes.count - 100] ^= 1
                case 2: bytes.removeLast(bytes.count / 3)
                case 3: bytes = Array("no package".utf8)
                // In the header, after lead and signatures.
                case 4: bytes[bytes.count / 20 + 6000] ^= 1
                case 6: try Self.changeMD5(in: &bytes)
                default: break
                }
                let path = folder.appending("\(index).rpm")
                try writeAtomically(bytes, to: path)
                if index == 5 { _ = try await InstallBench.program("/usr/bin/rpmsign").run(["--delsign", path.string]) }
                packages.append(PackageFile(path: path, nevra: "package\(index)", isSigned: true))
            }
            let refused = Set(try await refusals(packages, keys: [key]))
            let keyring = bench.folder.appending("keyring")
            let rpmkeys = InstallBench.program("/usr/bin/rpmkeys")
            _ = try await rpmkeys.run(["--dbpath", keyring.string, "--import", key.string])
            for (index, package) in packages.enumerated() {
                let judge = try? await rpmkeys.run([
                    "--dbpath", keyring.string, "--define", "_pkgverify_level all", "--checksig", package.path.string,
                ])
                let line = refused.first { $0.hasPrefix("package\(index): ") }
                #expect((judge == nil) == (line != nil), "\(package.path): \(line ?? "taken")")
            }
            #expect(refused.contains { $0.hasPrefix("package5: not signed") }, "\(refused)")
            #expect(try await refusals(packages, keys: []).count == packages.count)
        }
    }

    @Test("of payloads runs during the installation: nothing of a bad package gets into the root, and all bad ones are reported")
    func badPayloads() async throws {
        try await InstallBench.with { bench in
            let packages = try ["setup", "filesystem", "netbase", "tzdata"].map { name in
                try Self.package(name, in: bench) { bytes in
                    if ["netbase", "tzdata"].contains(name) { bytes[bytes.count - 100] ^= 1 }
                }
            }
            let failure = await #expect(throws: WorkerFailure.self) { try await bench.run(try bench.job(packages, into: "root")) }
            #expect(failure?.kind == .signature)
            for name in ["netbase", "tzdata"] { #expect(failure?.message.contains("\n  \(name): damaged") == true, "\(failure?.message ?? "")") }
            #expect(!exists(bench.folder.appending("root/etc/protocols")))
            #expect(!exists(bench.folder.appending("root/usr/share/zoneinfo")))
        }
    }

    /// The MD5 digest is checked when the package's files are in the root already, since a SHA-256 digest has proved them right.
    @Test("refuses a package whose MD5 digest alone is wrong, as rpm does")
    func badMD5() async throws {
        try await InstallBench.with { bench in
            let packages = try ["setup", "filesystem", "netbase"].map { name in
                try Self.package(name, in: bench) { bytes in if name == "netbase" { try Self.changeMD5(in: &bytes) } }
            }
            let rpm = await #expect(throws: (any Error).self) {
                try await InstallBench.program("/usr/bin/rpmkeys").run(["--checksig", "--nosignature", packages[2].path.string])
            }
            #expect(rpm.map { "\($0)" }?.contains("DIGESTS NOT OK") == true, "\(String(describing: rpm))")
            let failure = await #expect(throws: WorkerFailure.self) { try await bench.run(try bench.job(packages, into: "root")) }
            #expect(failure?.kind == .signature)
            #expect(failure?.message.contains("netbase: damaged: MD5 digest: BAD") == true, "\(failure?.message ?? "")")
        }
    }

    /// From a repository on this host, by a good package with a good signature.
    @Test("refuses a package that is replaced during the build")
    func replaced() async throws {
        try await InstallBench.with { bench in
            var packages = try ["setup", "filesystem", "netbase"].map { try Self.package($0, in: bench) { _ in } }
            let identity = try #require(FileIdentity(packages[2].path))
            packages[2].identity = identity
            _ = try await bench.run(try bench.job(packages, into: "unchanged"))
            let other = try Self.package("tzdata", in: bench) { _ in }
            #expect(rename(other.path.string, packages[2].path.string) == 0)
            let failure = await #expect(throws: WorkerFailure.self) { try await bench.run(try bench.job(packages, into: "root")) }
            #expect(failure?.kind == .signature)
            #expect(failure?.message.contains("\(packages[2].path) changed during the build") == true, "\(failure?.message ?? "")")
            #expect(!exists(bench.folder.appending("root/usr/share/zoneinfo")))
        }
    }

    @Test("of headers comes first: no scriptlet runs if a header is bad")
    func badHeader() async throws {
        try await InstallBench.with { bench in
            let packages = try ["setup", "filesystem", "tzdata"].map { name in
                try Self.package(name, in: bench) { bytes in
                    guard name == "tzdata" else { return }
                    // Lead, signatures, header (rpm's docs/manual/format.md): the first byte after the header's index.
                    let magic: [UInt8] = [0x8e, 0xad, 0xe8, 0x01]
                    let signatures = try #require(bytes.firstRange(of: magic))
                    let header = try #require(bytes[signatures.upperBound...].firstRange(of: magic)).lowerBound
                    let entries = bytes[(header + 8)..<(header + 12)].reduce(0) { $0 << 8 | Int($1) }
                    bytes[header + 16 + 16 * entries] ^= 1
                }
            }
            let failure = await #expect(throws: WorkerFailure.self) { try await bench.run(try bench.job(packages, into: "root")) }
            #expect(failure?.kind == .signature)
            #expect(failure?.message.contains("tzdata: damaged") == true, "\(failure?.message ?? "")")
            // The %pretrans of filesystem makes it.
            #expect(!exists(bench.folder.appending("root/usr")))
        }
    }

    /// The signature header follows a lead of 96 bytes. It has 16 bytes, then 16 for each entry (tag, type, offset, count), then the values (rpm's
    /// docs/manual/format.md). RPMSIGTAG_MD5 is 1004.
    private static func changeMD5(in bytes: inout [UInt8]) throws {
        func number(at place: Int) -> Int { bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) } }
        let entries = (0..<number(at: 104)).map { 112 + 16 * $0 }
        let entry = try #require(entries.first { number(at: $0) == 1004 })
        bytes[112 + 16 * entries.count + number(at: entry + 8)] ^= 1
    }

    /// A copy of the demo's package with changed bytes.
    private static func package(
        _ name: String, in bench: InstallBench, change: (inout [UInt8]) throws -> Void
    ) throws -> PackageFile {
        let folder = TestRepository.demo.folder
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.string)
        let file = try #require(names.first { $0.hasPrefix("\(name)-") && $0.dropFirst(name.count + 1).first?.isNumber == true })
        var bytes = try readBytes(folder.appending(file))
        try change(&bytes)
        let copy = bench.folder.appending(file)
        try writeAtomically(bytes, to: copy)
        return PackageFile(path: copy, nevra: name, isSigned: true)
    }

    private func refusals(_ packages: [PackageFile], keys: [FilePath]) async throws -> [String] {
        var result = PackageVerification()
        for job in VerifyPackagesJob.jobs(2, packages: packages, keys: keys) {
            result.add(try await Worker(program: InstallBench.worker).run(job))
        }
        return result.refusals
    }
}
