// packages.lock: the transaction of one machine as a text that Git can hold, compare and merge.
//
//     discographer packages.lock 1
//     requests sha256:…
//     bash-0:5.1.8-9.el9.x86_64 baseos Packages/bash-5.1.8-9.el9.x86_64.rpm 1763512 7738634 sha256:… user
//
// One line a package, sorted by name: NEVRA, repository, location, bytes to fetch, bytes installed, checksum, reason.
// White space and % in a field are %-encoded.
public import BuildStore
public import ConfigurationTree
import Foundation
import HostSystem
public import SystemPackage

/// The packages that a machine gets and no others, whatever its repositories have since then.
public struct PackageLock: Hashable, Sendable {
    /// Of what was asked when the lock was written: another `packages` needs another lock.
    public var requests: Checksum
    public var packages: [TransactionPackage]

    private static let header = "discographer packages.lock 1"
    private static let advice = "'discographer lock' writes it anew"

    /// - Throws: `Errno` for a local package that cannot be read.
    public init(_ transaction: Transaction, answering request: ResolutionRequest) throws {
        requests = try Self.checksum(of: request)
        packages = try transaction.packages.map { package in
            guard package.repository == localRepositoryID else { return package }
            // The file's place is this checkout's; its name and content are what is locked.
            let path = FilePath(package.location)
            var local = package
            local.location = path.lastComponent?.string ?? package.location
            local.checksum = try Checksum(.sha256, ofFile: path)
            return local
        }
        packages.sort { ($0.name, $0.nevra) < ($1.name, $1.nevra) }
    }

    /// Reads a lock file's text; everything that is wrong with it is added to `diagnostics`, and the result is then `nil`.
    public init?(text: String, file: FilePath, diagnostics: inout [Diagnostic]) {
        var requests: Checksum?
        var packages: [TransactionPackage] = []
        var problems: [Diagnostic] = []
        func problem(_ line: Int, _ message: String) {
            problems.append(
                Diagnostic(.error, at: SourceLocation(file: file, line: line), message, hint: Self.advice))
        }
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let fields = line.split(separator: " ").map { $0.removingPercentEncoding ?? String($0) }
            switch (index, fields.first) {
            case (0, _): if line != Self.header { problem(1, "not a lock file of this version: \(line)") }
            case (_, nil): continue
            case (1, "requests"):
                requests = fields.count == 2 ? Self.checksum(fields[1]) : nil
                if requests == nil { problem(2, "not a checksum of the requests: \(line)") }
            default:
                guard let package = Self.package(fields) else {
                    problem(index + 1, "not a locked package: \(line)")
                    continue
                }
                if packages.contains(where: { $0.nevra == package.nevra }) {
                    problem(index + 1, "\(package.nevra) is locked twice")
                }
                packages.append(package)
            }
        }
        if requests == nil && problems.isEmpty { problem(2, "the line 'requests' is missing") }
        diagnostics += problems
        guard let requests, problems.isEmpty else { return nil }
        self.requests = requests
        self.packages = packages
    }

    /// The lock file.
    public var text: String {
        let lines = packages.map { package in
            [
                "\(package.name)-\(package.epoch):\(package.version)-\(package.release).\(package.architecture)",
                package.repository, package.location, "\(package.downloadSize.bytes)",
                "\(package.installedSize.bytes)", package.checksum?.description ?? "-", package.reason.rawValue,
            ].map { $0.addingPercentEncoding(withAllowedCharacters: Self.plain) ?? $0 }.joined(separator: " ")
        }
        return ([Self.header, "requests \(requests)"] + lines).joined(separator: "\n") + "\n"
    }

    /// What is installed under this lock.
    ///
    /// - Throws: `ResolutionError` with every reason why the lock does not fit the request: something else is asked now, a
    ///   repository is no longer configured, a local package is gone or has other content.
    public func transaction(for request: ResolutionRequest, lockFile: FilePath) throws -> Transaction {
        var problems: [String] = []
        if try Self.checksum(of: request) != requests {
            problems.append(
                "\(lockFile): error: packages or rpms/ ask for something else than what was locked; \(Self.advice)")
        }
        let repositories = Set(request.configuration.repositories.map(\.id))
        let resolved = packages.map { package -> TransactionPackage in
            guard package.repository == localRepositoryID else {
                if !repositories.contains(package.repository) {
                    problems.append(
                        "\(lockFile): error: \(package.nevra) is locked to the repository '\(package.repository)', which is not enabled"
                    )
                }
                return package
            }
            var local = package
            local.checksum = nil
            guard let path = request.localPackages.first(where: { $0.lastComponent?.string == package.location }) else {
                problems.append("\(lockFile): error: the local package \(package.location) is gone from rpms/")
                return local
            }
            local.location = path.string
            if let locked = package.checksum, (try? Checksum(locked.algorithm, ofFile: path)) != locked {
                problems.append("\(path): error: not the content that was locked, \(locked)")
            }
            return local
        }
        guard problems.isEmpty else { throw ResolutionError(problems: problems) }
        return Transaction(packages: resolved)
    }

    /// What changes on the way to `other`: what a reviewer of a merge request wants to see.
    public func changes(to other: PackageLock) -> [Change] {
        let before = Dictionary(grouping: packages, by: \.name)
        let after = Dictionary(grouping: other.packages, by: \.name)
        return Set(before.keys).union(after.keys).sorted().flatMap { name -> [Change] in
            let gone = (before[name] ?? []).filter { one in !other.packages.contains { $0.nevra == one.nevra } }
            let new = (after[name] ?? []).filter { one in !packages.contains { $0.nevra == one.nevra } }
            if gone.count == 1, new.count == 1 { return [.changed(from: gone[0].nevra, to: new[0].nevra)] }
            let rebuilt = (after[name] ?? []).filter { one in
                packages.contains { $0.nevra == one.nevra && $0.checksum != one.checksum }
            }
            return gone.map { .removed($0.nevra) } + new.map { .added($0.nevra) } + rebuilt.map { .rebuilt($0.nevra) }
        }
    }

    /// One line of a comparison.
    public enum Change: Hashable, Sendable, CustomStringConvertible {
        case added(String)
        case removed(String)
        /// Another version, release or architecture of the same name.
        case changed(from: String, to: String)
        /// The same name and version with other bytes.
        case rebuilt(String)

        public var description: String {
            switch self {
            case .added(let nevra): "+ \(nevra)"
            case .removed(let nevra): "- \(nevra)"
            case .changed(let from, let to): "~ \(from) -> \(to)"
            case .rebuilt(let nevra): "! \(nevra) has other bytes"
            }
        }
    }

    private static let plain = CharacterSet(charactersIn: "!"..."~").subtracting(CharacterSet(charactersIn: "%"))

    private static func checksum(of request: ResolutionRequest) throws -> Checksum {
        let asked = request.requests.map { "\($0.kind.rawValue) \($0.spec)" }
        let local = request.localPackages.compactMap { $0.lastComponent.map { "local \($0.string)" } }
        return Checksum(
            .sha256, try Identity(stage: "requests", version: 1, of: Set(asked + local).sorted()).hexadecimal)
    }

    private static func checksum(_ text: String) -> Checksum? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let algorithm = Checksum.Algorithm(rawValue: String(parts[0])),
            parts[1].allSatisfy(\.isHexDigit)
        else { return nil }
        return Checksum(algorithm, String(parts[1]))
    }

    private static func package(_ fields: [String]) -> TransactionPackage? {
        guard fields.count == 7, let dot = fields[0].lastIndex(of: "."),
            let download = UInt64(fields[3]), let installed = UInt64(fields[4]),
            let reason = TransactionPackage.Reason(rawValue: fields[6])
        else { return nil }
        let parts = fields[0][..<dot].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 3, let release = parts.last else { return nil }
        let version = parts[parts.count - 2]
        guard let colon = version.firstIndex(of: ":"), let epoch = Int(version[..<colon]) else { return nil }
        let checksum = checksum(fields[5])
        // Without a checksum a package's bytes would not be locked.
        guard checksum != nil else { return nil }
        return TransactionPackage(
            name: parts.dropLast(2).joined(separator: "-"), epoch: epoch,
            version: String(version[version.index(after: colon)...]), release: String(release),
            architecture: String(fields[0][fields[0].index(after: dot)...]), repository: fields[1],
            location: fields[2], downloadSize: ByteCount(download), installedSize: ByteCount(installed),
            checksum: checksum, reason: reason)
    }
}

extension PackageLock {
    /// The lock in a file; `nil` when there is no file.
    ///
    /// - Throws: `Errno` when it cannot be read, `ResolutionError` with everything that is wrong in it.
    public static func read(_ file: FilePath?) throws -> PackageLock? {
        guard let file else { return nil }
        var diagnostics: [Diagnostic] = []
        let lock = PackageLock(text: try readText(file), file: file, diagnostics: &diagnostics)
        guard diagnostics.isEmpty else { throw ResolutionError(problems: diagnostics.map(\.description)) }
        return lock
    }
}
