import Foundation

/// The server of the script `lying-server`, for as long as this object lives.
final class LyingServer {
    private let process = Process()
    private let scheme: String
    let port: Int

    /// - Parameters:
    ///   - folder: what it serves.
    ///   - certificate: a PEM file of certificate and key: the server speaks TLS then.
    ///   - clients: a PEM file of the authority that clients' certificates must come from.
    ///   - proxy: `user:password` for which it is a proxy.
    init(serving folder: URL, certificate: String? = nil, clients: String? = nil, proxy: String? = nil) throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [tests.appendingPathComponent("lying-server").path, folder.path]
        for (option, value) in [("--certificate", certificate), ("--clients", clients), ("--proxy", proxy)] {
            if let value { process.arguments? += [option, value] }
        }
        process.standardOutput = output
        scheme = certificate == nil ? "http" : "https"
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
        process.waitUntilExit()
    }

    /// The URL of a mirror that behaves in that way.
    func mirror(_ kind: String) -> String { "\(scheme)://127.0.0.1:\(port)/\(kind)/" }

    /// A line for each request so far: method, path, range, user.
    func requests() throws -> [String] {
        // Not with Foundation's own client: it would be one more thing to wait for.
        let curl = Process()
        let output = Pipe()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        curl.arguments = ["--silent", "--insecure", "--noproxy", "*", "\(scheme)://127.0.0.1:\(port)/log"]
        curl.standardOutput = output
        try curl.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        curl.waitUntilExit()
        // Asked again and again, this would use up the process's descriptors.
        try output.fileHandleForReading.close()
        return text.split(separator: "\n").map(String.init)
    }
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

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    /// What lies directly in it.
    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() } }
}
