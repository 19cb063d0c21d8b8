import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import PackageInstallation

@Suite("Timestamps of an installation")
struct InstallTimestampsTests {
    /// Kernels with multigrain timestamps give a file that was just looked at an exact time, ahead of the coarse clock.
    @Test("contain the time of a file that was written just now")
    func now() throws {
        let folder = FilePath(FileManager.default.temporaryDirectory.path).appending("discographer-\(UUID())")
        try createDirectories(folder)
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        let file = folder.appending("file")
        let timestamps = InstallTimestamps()
        var status = stat()
        var missed = 0
        for round in 0..<2000 {
            try writeAtomically("\(round)".utf8, to: file)
            try #require(lstat(file.string, &status) == 0)
            try #require(truncate(file.string, 0) == 0)
            try #require(lstat(file.string, &status) == 0)
            if !timestamps.contains(status.st_mtim) { missed += 1 }
        }
        #expect(missed == 0)
    }

    @Test("do not contain a package's time in the past or the future")
    func before() throws {
        let timestamps = InstallTimestamps()
        #expect(!timestamps.contains(timespec(tv_sec: 1_500_000_000, tv_nsec: 0)))
        #expect(!timestamps.contains(timespec(tv_sec: time(nil) + 60, tv_nsec: 0)))
    }
}
