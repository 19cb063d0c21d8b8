public import HostSystem
public import SystemPackage

/// Puts files into a tar archive with tar(1): the package form of OVF (DSP0243 1.1.1 section 5.3). Owners and times say nothing.
public struct PackArchiveJob: WorkerJob {
    /// How many files are in it.
    public typealias Outcome = Int

    public static let name = "pack-archive"

    /// In the order in which they are in the archive, each by the last part of its path.
    public var files: [FilePath]
    public var output: FilePath
    public var tar: Tool
    public var sourceDateEpoch: Int

    public init(files: [FilePath], output: FilePath, tar: Tool, sourceDateEpoch: Int) {
        self.files = files
        self.output = output
        self.tar = tar
        self.sourceDateEpoch = sourceDateEpoch
    }

    public var isolation: Isolation {
        var isolation = Isolation(
            writablePaths: [output.removingLastComponent()], readablePaths: files.map { $0.removingLastComponent() } + [tar.path])
        isolation.hidesHost = true
        return isolation
    }

    /// - Throws: `HostSystemError.toolFailed`.
    public func run(reporting: WorkerReporter) throws -> Int {
        let options = [
            "--create", "--file", output.string, "--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mode=0644",
            "--mtime=@\(sourceDateEpoch)",
        ]
        try tar.runBlocking(
            options + files.flatMap { ["--directory", $0.removingLastComponent().string, $0.lastComponent?.string ?? ""] }, warning: reporting)
        return files.count
    }
}
