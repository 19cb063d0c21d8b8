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
        port = try Self.freePort()
        log = folder.url.appendingPathComponent("nghttpd-\(port).log")
        try folder.write("", to: log.lastPathComponent)
        // Its words come by a buffer that a killed process would take along.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/stdbuf")
        process.arguments = [
            "-oL", Self.path, "--verbose", "--address=127.0.0.1", "--htdocs=\(folder.path(served))", "\(port)", folder.path("server.key"),
            folder.path("server.crt"),
        ]
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<200 where !Self.answers(port) { usleep(20_000) }
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

    private static func freePort() throws -> Int {
        try withSocket { descriptor, address in
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            var length = size
            guard bind(descriptor, address, size) == 0, getsockname(descriptor, address, &length) == 0 else {
                throw CocoaError(.fileReadUnknown)
            }
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { Int(UInt16(bigEndian: $0.pointee.sin_port)) }
        }
    }

    private static func answers(_ port: Int) -> Bool {
        (try? withSocket(port: port) { connect($0, $1, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }) ?? false
    }

    private static func withSocket<Value>(
        port: Int = 0, _ body: (Int32, UnsafeMutablePointer<sockaddr>) throws -> Value
    ) throws -> Value {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw CocoaError(.fileReadUnknown) }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body(descriptor, $0) }
        }
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
