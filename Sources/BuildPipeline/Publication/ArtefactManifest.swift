import BuildStore
import Foundation
import HostSystem
import SystemPackage

/// A file that was asked for.
public struct Artefact: Hashable, Codable, Sendable {
    /// In the machine's `artefacts/`.
    public var path: String
    public var format: String
    /// In bytes.
    public var size: UInt64
    /// 64 hexadecimal digits.
    public var sha256: String
}

/// `manifest.json` beside the artefacts: what they are, and of what they were made (docs/formats.md). It is the same for equal artefacts, wherever and whenever they
/// were made.
struct ArtefactManifest: Codable, Equatable {
    static let name = "manifest.json"

    var schema = 1
    var group: String
    var machine: String
    /// Of the artefacts' names and of the results that they are.
    var identity: Identity
    var artefacts: [Artefact]
    /// What was worth a warning when they were made.
    var warnings: [String]
    /// Tolerated failures, as package and scriptlet.
    var toleratedFailures: [[String]]

    init(
        group: String, machine: String, identity: Identity, artefacts: [Artefact], warnings: [String], toleratedFailures: [[String]]
    ) {
        self.group = group
        self.machine = machine
        self.identity = identity
        self.artefacts = artefacts
        self.warnings = warnings
        self.toleratedFailures = toleratedFailures
    }

    /// - Returns: `nil`: there is none, or not of this form.
    init?(in folder: FilePath) {
        guard let bytes = try? readRegularFile(folder.appending(Self.name)),
            let manifest = try? JSONDecoder().decode(Self.self, from: Data(bytes)), manifest.schema == 1
        else { return nil }
        self = manifest
    }
}

/// JSON for files that people read too.
func prettyJSON(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value) + Data("\n".utf8)
}
