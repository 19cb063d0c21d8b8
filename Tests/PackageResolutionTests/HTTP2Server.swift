import Foundation

/// nghttpd, a real HTTP/2 server, for as long as this object lives. The folder needs `server.key` and `server.crt` beside what it serves.
final class HTTP2Server {
    static let path = "/usr/sbin/nghttpd"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: path)

    private let process = Process()
    private let log: URL
    let port: Int

    /// - Parameter served: the folder that it serves, in `folder`.
    init(serving served: String, in folder: ScratchFolder) throws {
        log = try folder.write("", to: "nghttpd-\(UUID().uuidString).log")
        // Its output is buffered, and a killed process would lose the buffer.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/stdbuf")
        process.arguments = [
            "-oL", Self.path, "--verbose", "--address=127.0.0.1", "--htdocs=\(folder.path(served))", "0", folder.path("server.key"),
            folder.path("server.crt"),
        ]
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = FileHandle.nullDevice
        try process.run()
        var found: Int?
        while found == nil, process.isRunning {
            usleep(20_000)
            found = Self.port(of: process.processIdentifier)
        }
        guard let found else { throw CocoaError(.fileReadUnknown, userInfo: [NSLocalizedDescriptionKey: "nghttpd does not listen"]) }
        port = found
    }

    deinit {
        // SIGTERM is blocked in processes that a dispatch thread starts.
        kill(processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// stdbuf becomes the server.
    var processIdentifier: Int32 { process.processIdentifier }

    var mirror: String { "https://127.0.0.1:\(port)/" }

    /// The connection that each request came by, in nghttpd's own numbers.
    func connections() throws -> [Int] {
        try String(contentsOf: log, encoding: .utf8).split(separator: "\n").filter { $0.contains("recv HEADERS frame") }
            .compactMap { $0.firstMatch(of: /\[id=(\d+)\]/).flatMap { Int($0.output.1) } }
    }

    /// The port on which a process listens. It chose a free port and does not report it (proc(5), /proc/net/tcp).
    private static func port(of process: Int32) -> Int? {
        let folder = "/proc/\(process)/fd"
        let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
        }
        let table = (try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)) ?? ""
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ")
            // 0A: it listens.
            guard words.count > 9, words[3] == "0A", files.contains("socket:[\(words[9])]") else { continue }
            return words[1].split(separator: ":").last.flatMap { Int($0, radix: 16) }
        }
        return nil
    }
}

extension ScratchFolder {
    /// An authority, with a certificate of the server and one of a client: `ca.pem`, `server.crt`, `server.key`, `server.pem` and so on.
    func makeCertificates() throws {
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/bin/bash")
        openssl.currentDirectoryURL = url
        openssl.standardError = FileHandle.nullDevice
        openssl.arguments = [
            "-euc",
            """
            openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
            for name in server client; do
                openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
                openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                    -extfile <(echo subjectAltName=IP:127.0.0.1) -out $name.crt
                cat $name.crt $name.key > $name.pem
            done
            """,
        ]
        try openssl.run()
        openssl.waitUntilExit()
        guard openssl.terminationStatus == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
