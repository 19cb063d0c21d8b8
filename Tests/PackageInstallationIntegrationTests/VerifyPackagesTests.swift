import Foundation
import HostSystem
import PackageInstallation
import SystemPackage
import Testing

/// What is refused before an installation begins, judged by `rpmkeys --checksig`.
@Suite("Verification of packages", .enabled(if: InstallBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct VerifyPackagesTests {
    @Test("takes what rpmkeys takes, refuses what it refuses, and says all of it")
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
                // In the header, behind lead and signatures.
                case 4: bytes[bytes.count / 20 + 6000] ^= 1
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

    private func refusals(_ packages: [PackageFile], keys: [FilePath]) async throws -> [String] {
        var result = PackageVerification()
        for job in VerifyPackagesJob.jobs(2, packages: packages, keys: keys) {
            result.add(try await Worker(program: InstallBench.worker).run(job))
        }
        return result.refusals
    }
}
