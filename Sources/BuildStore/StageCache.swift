import Foundation
import Glibc
public import HostSystem
public import SystemPackage

/// The results of one machine's stages: a folder each, named after stage and identity, that exists whole or not at all.
///
/// After a power cut too, without waiting for the disk at each stage: a result counts in the boot of this host that made it - the kernel
/// has all of it, on disk or not - and in later ones when it is known to have reached the disk (`reachDisk`).
public struct StageCache: Sendable {
    public let folder: FilePath
    private let rm: Tool
    private static let outcomeName = "outcome.json"
    private static let onDiskName = "on-disk"
    private static let failurePrefix = "failed-"
    /// What a stage that fails has made so far is kept, in `failure(of:)`.
    public var keepsFailures = false

    public init(folder: FilePath, tools: ToolTable) throws {
        self.folder = folder
        rm = try tools.tool("rm")
    }

    /// Where the stage's result is, once it is there.
    public func place(_ stage: String, _ identity: Identity) -> FilePath {
        folder.appending("\(stage)-\(identity.short)")
    }

    /// Where what a failed stage had made is kept.
    public func failure(of stage: String) -> FilePath { folder.appending(Self.failurePrefix + stage) }

    /// Removes what was kept of failed stages.
    public func removeFailures() async throws { try await remove { $0.hasPrefix(Self.failurePrefix) } }

    /// The stage's newest result, whatever its inputs were.
    public func newest(_ stage: String) -> FilePath? {
        folders { $0.hasPrefix("\(stage)-") && !$0.hasSuffix(".partial") }
            .filter { record(in: $0, of: Nothing.self) != nil }.first
    }

    /// The stage's outcome when it ran before with these inputs.
    public func outcome<Outcome: Decodable>(_ stage: String, _ identity: Identity, as type: Outcome.Type) -> Outcome? {
        record(in: place(stage, identity), of: type)?.outcome
    }

    /// Waits until all results are on disk; from then on they count after a power cut.
    ///
    /// Blocks.
    /// - Throws: `FileError`.
    public func reachDisk() throws {
        let places = folders({ !$0.hasSuffix(".partial") && !$0.hasPrefix(Self.failurePrefix) })
            .filter { exists($0.appending(Self.outcomeName)) && !exists($0.appending(Self.onDiskName)) }
        try syncFileSystem(of: folder)
        for place in places { try writeAtomically([], to: place.appending(Self.onDiskName)) }
    }

    private func record<Outcome: Decodable>(in place: FilePath, of type: Outcome.Type) -> Record<Outcome>? {
        guard let bytes = try? readBytes(place.appending(Self.outcomeName)),
            let record = try? JSONDecoder().decode(Record<Outcome>.self, from: Data(bytes)),
            (record.boot != nil && record.boot == currentBoot()) || exists(place.appending(Self.onDiskName))
        else { return nil }
        return record
    }

    /// Runs the stage in a fresh folder, and keeps that under the stage's identity only when it succeeds. What was left of a
    /// build that was killed is removed first, results of other inputs afterwards.
    ///
    /// - Parameter body: gets the folder to fill; its absolute path changes when it is done.
    public func make<Outcome: Encodable>(
        _ stage: String, _ identity: Identity, _ body: (FilePath) async throws -> Outcome
    ) async throws -> Outcome {
        let final = place(stage, identity)
        // A result whose outcome cannot be read, such as after a power cut, would be in the way of the new one.
        try await remove { $0.hasPrefix("\(stage)-") && ($0.hasSuffix(".partial") || $0 == final.lastComponent?.string) }
        // Where a folder lies follows from its name too: with the same one it would be where the last one was removed.
        let partial = FilePath("\(final).\(String(UInt32.random(in: 0...UInt32.max), radix: 36)).partial")
        try createDirectories(folder)
        try removeDefaultACL(of: folder)
        spreadFolders(in: folder)
        try createDirectories(partial)
        do {
            let outcome = try await body(partial)
            let record = Record(boot: currentBoot(), outcome: outcome)
            try writeAtomically(try JSONEncoder().encode(record), to: partial.appending(Self.outcomeName))
            guard rename(partial.string, final.string) == 0 else { throw Errno(rawValue: errno) }
            try await remove { $0.hasPrefix("\(stage)-") && $0 != final.lastComponent?.string }
            return outcome
        } catch {
            if keepsFailures, !(error is CancellationError) {
                try? await removeFailures()
                if rename(partial.string, failure(of: stage).string) == 0 { throw error }
            }
            // A cancelled task cannot run programs; the next build removes what is left.
            if !(error is CancellationError) { try? await remove { $0 == partial.lastComponent?.string } }
            throw error
        }
    }

    private func remove(_ condition: (String) -> Bool) async throws {
        let paths = folders(condition)
        guard !paths.isEmpty else { return }
        try await rm.run(["-rf", "--one-file-system"] + paths.map(\.string))
    }

    private func folders(_ condition: (String) -> Bool) -> [FilePath] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []).filter(condition).map { folder.appending($0) }
    }
}

/// What outcome.json has.
private struct Record<Outcome> {
    /// That of `currentBoot`, as the result was made.
    var boot: String?
    var outcome: Outcome
}

extension Record: Encodable where Outcome: Encodable {}
extension Record: Decodable where Outcome: Decodable {}

/// An outcome that nobody asks for.
private struct Nothing: Decodable {}
