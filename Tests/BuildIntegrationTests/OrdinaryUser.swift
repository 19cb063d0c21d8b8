import Foundation
import Testing

/// Somebody who is not root, on a host that is this one but for /etc: users and subordinate ids are in a copy of it, seen by the user's
/// processes alone.
struct OrdinaryUser {
    /// Nobody's on this host, and of no other run of the tests.
    static let number = 50_000 + Int(getpid()) % 10_000
    static let firstSubordinate = 1_000_000_000 + Int(getpid()) % 10_000 * 65536

    /// The user's home, with the caches, is below it.
    let folder: String

    var home: String { folder + "/home" }
    private var etc: String { folder + "/etc" }

    /// - Parameter folder: an empty one that everybody may enter.
    init(in folder: String) async throws {
        self.folder = folder
        _ = try await shell(
            """
            cp -a /etc '\(folder)/etc'
            cd '\(folder)'; mkdir home repository checkout; chown \(Self.number):\(Self.number) home
            echo 'builder:x:\(Self.number):\(Self.number)::\(folder)/home:/bin/bash' >> etc/passwd
            echo 'builder:x:\(Self.number):' >> etc/group
            """)
        try setSubordinateIDs("builder:\(Self.firstSubordinate):65536")
    }

    func setSubordinateIDs(_ line: String) throws {
        // root's is for util-linux's unshare, in the tests of nested namespaces.
        for file in ["subuid", "subgid"] { try "root:0:65536\n\(line)\n".write(toFile: "\(etc)/\(file)", atomically: true, encoding: .utf8) }
    }

    /// Runs discographer as the user.
    ///
    /// - Parameters:
    ///   - arguments: the program finds what the checkout has by itself.
    ///   - prepare: a script that root runs before, in the user's mount namespace.
    ///   - become: how root becomes the user.
    func discographer(
        _ arguments: [String], prepare: String = "true",
        become: String = "setpriv --reuid \(number) --regid \(number) --clear-groups"
    ) async throws -> Run {
        let program = Sandbox.program.replacing(Sandbox.checkout, with: folder + "/checkout")
        // Homes of root are not for everybody to enter.
        let script = """
            mount --bind '\(Sandbox.repository)' '\(folder)/repository'
            mount --bind '\(Sandbox.checkout)' '\(folder)/checkout'
            mount --bind '\(etc)' /etc
            \(prepare)
            exec \(become) env -i HOME='\(home)' PATH=/usr/bin:/bin DISCOGRAPHER_DEMO_REPOSITORY='\(folder)/repository' "$0" "$@"
            """
        return try await run(["unshare", "--mount", "bash", "-euc", script, program] + arguments)
    }

    /// The user's processes, and those of the subordinate ids.
    func processes() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { process in
            guard Int(process) != nil, let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
                let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Uid:") }),
                let user = line.split(separator: "\t").dropFirst().first.flatMap({ Int($0) })
            else { return false }
            return user == Self.number || (Self.firstSubordinate..<Self.firstSubordinate + 65536).contains(user)
        }
    }
}
