// Module metadata (modulemd v2 and modulemd-defaults v1), as far as it decides which packages are visible and wanted.
// https://github.com/fedora-modularity/libmodulemd/tree/main/yaml_specs
//
// A dozen keys of these documents matter here, and Yams, which also reads machine.yaml, reads them. libmodulemd would bring GLib, GObject
// and libmagic into every run, for upgrades of formats that no repository has any more. Its rules for merging are followed below.
import ConfigurationTree
import Yams

/// The module streams of one or several repositories.
struct ModuleMetadata: Sendable {
    /// One version of a stream.
    struct Stream: Hashable, Sendable {
        var module: String
        var stream: String
        var version = 0
        /// Streams of several contexts are built against different streams of other modules.
        var context = ""
        /// The context as it is written.
        var originalContext = ""
        var architecture = "noarch"
        /// `name-epoch:version-release.arch` of every package of the stream.
        var artifacts: [String] = []
        /// Names of packages that were in the stream once and are ordinary packages now.
        var demodularized: Set<String> = []
        /// Alternatives of required modules with the streams that are accepted; `-` precedes streams that are not. An empty list accepts any stream.
        var requirements: [[String: [String]]] = []
        /// Names of packages, by profile.
        var profiles: [String: [String]] = [:]
        /// Whether a person chose the context; otherwise it is random.
        var hasStaticContext = false

        /// `name:stream`, as it is written in `packages`.
        var nameStream: String { "\(module):\(stream)" }
    }

    /// The default stream and the default profiles of a module.
    struct Defaults: Hashable, Sendable {
        /// `nil`: none is the default.
        var stream: String?
        /// The default profiles of each stream.
        var profiles: [String: Set<String>] = [:]
        /// Later ones replace earlier ones.
        var modified: UInt64 = 0
        /// Whether repositories disagree on the stream; then there is none, whatever further repositories say.
        fileprivate var isContested = false
    }

    /// What is wrong with a part of the metadata, which is ignored then.
    struct Remark: Hashable, Sendable, CustomStringConvertible {
        /// The document's number, counted from 1, and its first line; `nil`: it is about several.
        var place: (document: Int, line: Int)?
        /// The module or stream that the document is about, as far as it names one.
        var subject: String?
        var text: String

        var description: String {
            let parts = [place.map { "document \($0.document), line \($0.line)" }, subject.map { "'\($0)'" }].compactMap(\.self)
            return (parts.isEmpty ? text : "\(parts.joined(separator: ", ")): \(text)").printable()
        }

        static func == (left: Self, right: Self) -> Bool { left.description == right.description }

        func hash(into hasher: inout Hasher) { hasher.combine(description) }
    }

    private(set) var streams: [Stream] = []
    /// The defaults of each module.
    private(set) var defaults: [String: Defaults] = [:]
    private(set) var remarks: [Remark] = []

    init() {}

    /// Documents of other kinds are skipped; faulty documents are left out with a remark.
    ///
    /// - Throws: `YamlError` when the text is not YAML.
    init(yaml: String) throws {
        // Read strings only: telling numbers from dates would take longer than everything else.
        var documents = try Yams.compose_all(yaml: yaml.first == "\u{feff}" ? String(yaml.dropFirst()) : yaml, .basic)
        var known: [String: Int] = [:]
        var number = 0
        while let document = documents.next() {
            number += 1
            do {
                switch try ModuleDocument(document) {
                case .stream(let stream):
                    if let first = known[stream.nsvca].map({ streams[$0] }) {
                        guard first.hasContent(of: stream) else { throw ModuleDocumentError("an earlier '\(stream.nsvca)' has other content") }
                    } else {
                        known[stream.nsvca] = streams.count
                        streams.append(stream)
                    }
                case .defaults(let module, let one):
                    let earlier = defaults.updateValue(one, forKey: module)
                    if let earlier, earlier != one {
                        remarks.append(
                            Remark(
                                place: (number, document.mark?.line ?? 0), subject: module,
                                text: "earlier defaults of this module differ; the last ones count"))
                    }
                case .other: continue
                }
            } catch let error as ModuleDocumentError {
                let data = document["data"]
                let names = [data?["name"] ?? data?["module"], data?["stream"]].compactMap { $0?.scalar?.string }
                remarks.append(
                    Remark(
                        place: (number, document.mark?.line ?? 0), subject: names.isEmpty ? nil : names.joined(separator: ":"),
                        text: "\(error.reason); the document is left out"))
            }
        }
        // Yams stops at an error. Later documents would be missing then, and packages of hidden streams would be visible.
        if let error = documents.error { throw error }
        nameContexts()
    }

    /// Adds another repository's modules.
    mutating func merge(_ other: ModuleMetadata) {
        streams += other.streams
        remarks += other.remarks
        for (module, one) in other.defaults.sorted(by: { $0.key < $1.key }) {
            guard let known = defaults[module] else {
                defaults[module] = one
                continue
            }
            let merged = known.merged(with: one)
            if merged.isContested, !known.isContested, let first = known.stream, let second = one.stream {
                remarks.append(
                    Remark(
                        subject: module,
                        text:
                            "its default stream is '\(second)' here and '\(first)' in an earlier repository, and neither is newer; the module has no default stream"
                    ))
            }
            defaults[module] = merged
        }
        nameContexts()
    }

    /// Replaces random contexts by what they stand for (libdnf's addVersion2Modules), so that they match across versions: by the static
    /// context of the same stream with the same requirements if there is one, or else by the requirements.
    private mutating func nameContexts() {
        var known: [String: String] = [:]
        func key(_ stream: Stream) -> String { "\(stream.nameStream) \(stream.requirementsAsContext)" }
        for stream in streams where stream.hasStaticContext && known[key(stream)] == nil { known[key(stream)] = stream.context }
        for index in streams.indices where !streams[index].hasStaticContext {
            streams[index].context = known[key(streams[index])] ?? streams[index].requirementsAsContext
        }
    }
}

extension ModuleMetadata.Defaults {
    /// Merges like libmodulemd (modulemd_defaults_v1_merge): newer defaults win, and when defaults of the same age disagree, neither counts.
    fileprivate func merged(with other: Self) -> Self {
        var merged = self
        let isNewer = other.modified > modified
        if let stream = other.stream, !isContested, stream != self.stream {
            if self.stream == nil || isNewer {
                merged.stream = stream
            } else if other.modified == modified {
                merged.stream = nil
                merged.isContested = true
            }
        }
        if other.isContested { (merged.stream, merged.isContested) = (nil, true) }
        for (stream, profiles) in other.profiles where profiles != self.profiles[stream] {
            if self.profiles[stream] == nil || isNewer {
                merged.profiles[stream] = profiles
            } else if other.modified == modified {
                merged.profiles[stream] = []
            }
        }
        merged.modified = max(modified, other.modified)
        return merged
    }
}

extension ModuleMetadata.Stream {
    /// Identifies a version of a stream.
    fileprivate var nsvca: String { "\(nameStream):\(version):\(originalContext):\(architecture)" }

    /// Whether another document of the same name says the same about packages, in any order.
    fileprivate func hasContent(of other: Self) -> Bool {
        func sorted(_ one: Self) -> Self {
            var one = one
            one.artifacts = Set(one.artifacts).sorted()
            one.profiles = one.profiles.mapValues { Set($0).sorted() }
            one.requirements = one.requirements.map { $0.mapValues { Set($0).sorted() } }
            return one
        }
        return sorted(self) == sorted(other)
    }

    fileprivate var requirementsAsContext: String {
        let texts = requirements.flatMap { $0 }.filter { $0.key != "platform" }.map { module, streams in
            streams.isEmpty ? module : "\(module):[\(streams.sorted().joined(separator: ","))]"
        }
        return texts.isEmpty ? "NoRequires" : texts.sorted().joined(separator: ";")
    }
}
