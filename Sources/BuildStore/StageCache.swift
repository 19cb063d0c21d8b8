import Foundation
public import HostSystem
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The results of one machine's stages: a folder each, named after stage and identity, that exists whole or not at all.
public struct StageCache: Sendable {
    public let folder: FilePath
    private let rm: Tool
    private static let outcomeName = "outcome.json"
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
    public func failure(of stage: String) -> FilePath { folder.appending("failed-\(stage)") }

    /// Removes what was kept of failed stages.
    public func removeFailures() async throws { try await remove { $0.hasPrefix("failed-") } }

    /// The stage's newest result, whatever its inputs were.
    public func newest(_ stage: String) -> FilePath? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
        return names.filter { $0.hasPrefix("\(stage)-") && !$0.hasSuffix(".partial") }.map { folder.appending($0) }
            .filter { exists($0.appending(Self.outcomeName)) }.first
    }

    /// The stage's outcome when it ran before with these inputs.
    public func outcome<Outcome: Decodable>(_ stage: String, _ identity: Identity, as type: Outcome.Type) -> Outcome? {
        guard let bytes = try? readBytes(place(stage, identity).appending(Self.outcomeName)) else { return nil }
        return try? JSONDecoder().decode(type, from: Data(bytes))
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
        let partial = FilePath("\(final).partial")
        try createDirectories(partial)
        do {
            let outcome = try await body(partial)
            try writeAtomically(try JSONEncoder().encode(outcome), to: partial.appending(Self.outcomeName))
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
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []).filter(condition)
        guard !names.isEmpty else { return }
        try await rm.run(["-rf", "--one-file-system"] + names.map { folder.appending($0).string })
    }
}
