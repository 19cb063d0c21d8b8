// The output of resolve, lock and why with --json: one object per line, with sorted keys.
import ConfigurationTree
import Foundation
import PackageResolution
import SystemPackage

/// Prints one JSON object as one line of standard output.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    printJSON(String(decoding: try encoder.encode(value), as: UTF8.self))
}

enum ResolutionJSON {
    struct Location: Encodable {
        var file: String
        var line: Int?

        init(_ location: SourceLocation) {
            file = location.file.string
            line = location.line
        }
    }

    struct Package: Encodable {
        var nevra: String
        var name: String
        var epoch: Int
        var version: String
        var release: String
        var architecture: String
        var repository: String
        var location: String
        var downloadSize: UInt64
        var installedSize: UInt64
        /// `sha256:…`; missing for local packages.
        var checksum: String?
        var reason: String
        var askedBy: [Asker]?
        var neededBy: [Need]?

        init(_ package: TransactionPackage) {
            nevra = package.nevra
            name = package.name
            epoch = package.epoch
            version = package.version
            release = package.release
            architecture = package.architecture
            repository = package.repository
            location = package.location
            downloadSize = package.downloadSize.bytes
            installedSize = package.installedSize.bytes
            checksum = package.checksum.map { "\($0)" }
            reason = package.reason.rawValue
        }

        init(_ index: Int, of graph: RequirementGraph) {
            self.init(graph.packages[index])
            askedBy = (graph.askers[index] ?? []).map(Asker.init)
            neededBy = graph.requirers(of: index).map { Need($0, by: graph.packages[$0.from]) }
        }
    }

    struct Asker: Encodable {
        var text: String
        var location: Location?

        init(_ asker: RequirementGraph.Asker) {
            text = asker.text
            location = asker.location.map(Location.init)
        }
    }

    struct Need: Encodable {
        var package: String
        /// `requires`, or weak: `recommends`, `supplements`.
        var strength: String
        var capabilities: [String]

        init(_ requirement: RequirementGraph.Requirement, by package: TransactionPackage) {
            self.package = package.nevra
            strength = requirement.strength.rawValue
            capabilities = requirement.capabilities
        }
    }

    struct Diagnostic: Encodable {
        var locations: [Location]
        var message: String
        var because: [String]
        var waysOut: [String]

        init(_ diagnostic: ResolutionDiagnostic) {
            locations = diagnostic.locations.map(Location.init)
            message = diagnostic.message
            because = diagnostic.because
            waysOut = diagnostic.waysOut
        }

        static func all(of error: any Error) -> [Diagnostic] {
            switch error {
            case let error as ResolutionError: error.diagnostics.map(Diagnostic.init)
            case let error as LockMismatchError: error.diagnostics.map(Diagnostic.init)
            default: [Diagnostic(ResolutionDiagnostic("\(error)"))]
            }
        }
    }

    /// A machine that has no transaction, or no lock that fits.
    struct Failure: Encodable {
        var machine: String
        var problems: [Diagnostic]

        init(_ machine: String, _ error: any Error) {
            self.machine = machine
            problems = Diagnostic.all(of: error)
        }
    }

    struct Change: Encodable {
        /// `added`, `removed`, `upgraded`, `downgraded`, `replaced`, `rebuilt`.
        var kind: String
        var name: String
        var before: Package?
        var after: Package?

        init(_ change: TransactionChange) {
            kind = change.kind.rawValue
            name = change.name
            before = change.before.map { Package($0) }
            after = change.after.map { Package($0) }
        }
    }
}
