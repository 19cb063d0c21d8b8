import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import PackageInstallation

@Suite("The installation's clock")
struct InstallationClockTests {
    /// Kernels with multigrain timestamps give exact times to what was just looked at, ahead of the clock that counts ticks.
    @Test("a file that was written just now is the installation's")
    func now() throws {
        let folder = FilePath(FileManager.default.temporaryDirectory.path).appending("discographer-\(UUID())")
        try createDirectories(folder)
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        let file = folder.appending("file")
        let clock = InstallationClock()
        var status = stat()
        var missed = 0
        for round in 0..<2000 {
            try writeAtomically("\(round)".utf8, to: file)
            try #require(lstat(file.string, &status) == 0)
            try #require(truncate(file.string, 0) == 0)
            try #require(lstat(file.string, &status) == 0)
            if !clock.measures(status.st_mtim) { missed += 1 }
        }
        #expect(missed == 0)
    }

    @Test("a package's file is not")
    func before() throws {
        let clock = InstallationClock()
        #expect(!clock.measures(timespec(tv_sec: 1_500_000_000, tv_nsec: 0)))
        #expect(!clock.measures(timespec(tv_sec: time(nil) + 60, tv_nsec: 0)))
    }
}
