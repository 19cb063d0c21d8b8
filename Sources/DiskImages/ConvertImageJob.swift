public import HostSystem
public import SystemPackage

/// Turns a raw image into a hypervisor's format with qemu-img(1), which may take minutes: as a child of a worker it ends with the build, whatever ends it.
public struct ConvertImageJob: WorkerJob {
    /// Whether qemu-img read the image back and found its structure good.
    public typealias Outcome = Bool

    public static let name = "convert-image"

    public var image: FilePath
    public var format: DiskFormat
    public var output: FilePath
    public var qemuImg: Tool

    /// - Parameter format: not `raw`.
    public init(image: FilePath, format: DiskFormat, output: FilePath, qemuImg: Tool) {
        self.image = image
        self.format = format
        self.output = output
        self.qemuImg = qemuImg
    }

    public var isolation: Isolation {
        var isolation = Isolation(
            writablePaths: [output.removingLastComponent()], readablePaths: [image.removingLastComponent(), qemuImg.path])
        isolation.hidesHost = true
        return isolation
    }

    /// - Throws: `HostSystemError.toolFailed`.
    public func run(reporting: WorkerReporter) throws -> Bool {
        let item = output.lastComponent?.string ?? ""
        try qemuImg.runBlocking(
            ["convert", "-p", "-f", "raw", "-O", format.qemuName] + format.qemuOptions + [image.string, output.string],
            warning: reporting
        ) { text in
            if let percent = Self.percent(in: text) { reporting.progress(percent, of: 100, item) }
        }
        guard format == .qcow2 else { return false }
        try qemuImg.runBlocking(["check", "-q", "-f", format.qemuName, output.string], warning: reporting)
        return true
    }

    /// What `-p` prints: `    (12.50/100%)`, a carriage return after each.
    static func percent(in text: String) -> Int? {
        guard let last = text.split(whereSeparator: { "\r\n".contains($0) }).last(where: { $0.contains("/100%)") }),
            let begin = last.firstIndex(of: "("), let number = Double(last[begin...].dropFirst().prefix { $0 != "/" })
        else { return nil }
        return Int(number)
    }
}
