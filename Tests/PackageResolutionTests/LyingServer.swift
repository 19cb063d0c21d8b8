import Foundation

/// The server of the script `lying-server`, for as long as this object lives.
final class LyingServer {
    private let process = Process()
    let port: Int

    /// - Parameter folder: what it serves.
    init(serving folder: URL) throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [tests.appendingPathComponent("lying-server").path, folder.path]
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            // SIGTERM is blocked in processes that a dispatch thread starts.
            kill(process.processIdentifier, SIGKILL)
            throw CocoaError(.fileReadUnknown)
        }
        self.port = port
    }

    deinit {
        // SIGTERM is blocked in processes that a dispatch thread starts.
        kill(process.processIdentifier, SIGKILL)
    }

    /// The URL of a mirror that behaves in that way.
    func mirror(_ kind: String) -> String { "http://127.0.0.1:\(port)/\(kind)/" }
}

/// A folder that is removed with the object.
final class ScratchFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("package-resolution-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Writes a file, with the folders it needs.
    @discardableResult
    func write(_ text: String, to name: String) throws -> URL {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        return file
    }
}
