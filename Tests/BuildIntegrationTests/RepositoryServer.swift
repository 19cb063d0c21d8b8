import Foundation
import Subprocess
import SystemPackage
import Testing

/// The script `lying-server` over a folder, for as long as this object lives.
final class RepositoryServer: Sendable {
    private let process: pid_t
    let port: Int

    init(serving folder: String, _ options: [String] = []) throws {
        let output = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [Sandbox.checkout + "/Tests/lying-server", folder] + options
        process.standardOutput = output
        try process.run()
        self.process = process.processIdentifier
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        port = try #require(Int(line.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    deinit {
        // SIGTERM is blocked in processes that a dispatch thread starts.
        kill(process, SIGKILL)
    }

    /// The base URL of a mirror that behaves in that way.
    func mirror(_ kind: String) -> String { "http://127.0.0.1:\(port)/\(kind)/" }

    /// A line for each request so far: method, path, range, user.
    func requests() async throws -> [String] {
        try await run(["curl", "--silent", "--noproxy", "*", "http://127.0.0.1:\(port)/log"]).output.split(separator: "\n").map(String.init)
    }
}

extension Sandbox {
    /// The demo's repository as a folder of its own, whose files may be changed without the original's changing.
    static func copyRepository(to folder: String) async throws -> String {
        // Hard links would be quicker, and would carry a change back.
        _ = try await shell(
            """
            mkdir '\(folder)/repository'
            cp -a --reflink=auto '\(repository)/x86_64/.' '\(folder)/repository'
            chmod -R u+w '\(folder)/repository'
            """)
        return folder + "/repository"
    }

    /// A tree whose one machine needs no kernel, with this as its .repo file.
    static func makeTree(in folder: String, repositoryFile: String) async throws -> String {
        let tree = try await makeTree(in: folder, packages: smallSet, machine: noBootLoader)
        let machine = tree + "/test/machines/one"
        _ = try await shell(
            """
            cp -aL '\(machine)/yum' '\(machine)/own'; rm -rf '\(machine)/yum'; mv '\(machine)/own' '\(machine)/yum'
            """)
        try repositoryFile.write(toFile: machine + "/yum/repositories/demo.repo", atomically: true, encoding: .utf8)
        return tree
    }

    /// The demo's packages from these places, checked with the demo's key.
    static func repositoryFile(_ urls: [String], _ options: String = "") -> String {
        "[demo]\nname=demo\nbaseurl=\(urls.joined(separator: " "))\ngpgkey=file://\(repository)/RPM-GPG-KEY-discographer-demo\n\(options)\n"
    }
}
