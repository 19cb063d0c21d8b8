// Module metadata (modulemd v2 and modulemd-defaults v1), as far as it decides which packages can be seen and wanted.
// https://github.com/fedora-modularity/libmodulemd/tree/main/yaml_specs
//
// Of those documents a dozen keys matter here, and Yams, which reads machine.yaml too, reads them. libmodulemd would bring GLib, GObject
// and libmagic into every run for its upgrades of formats that no repository has any more; its rules for merging are kept below.
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
        /// As it is written.
        var originalContext = ""
        var architecture = "noarch"
        /// `name-epoch:version-release.arch` of every package of the stream.
        var artifacts: [String] = []
        /// Names of packages that were in the stream once and are ordinary ones now.
        var demodularized: Set<String> = []
        /// Other modules that it needs, with the streams that will do, `-` before those that will not; empty: any.
        var requirements: [[String: [String]]] = []
        /// Names of packages, by profile.
        var profiles: [String: [String]] = [:]
        /// Whether the context was given by people, and is not one of chance.
        var hasStaticContext = false

        /// `name:stream`, as people write it.
        var nameStream: String { "\(module):\(stream)" }
    }

    /// What a module has when nobody says otherwise.
    struct Defaults: Hashable, Sendable {
        /// `nil`: none is the default.
        var stream: String?
        /// By stream.
        var profiles: [String: Set<String>] = [:]
        /// Later ones replace earlier ones.
        var modified: UInt64 = 0
        /// Repositories disagree on the stream: there is none then, and no further repository makes it one.
        fileprivate var isContested = false
    }

    /// What is wrong with a part of the metadata, which does not count then.
    struct Remark: Hashable, Sendable, CustomStringConvertible {
        /// The document's number, counted from 1, and its first line; `nil`: it is about several.
        var place: (document: Int, line: Int)?
        /// What the document is about, as far as it can be told.
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
    /// By module.
    private(set) var defaults: [String: Defaults] = [:]
    private(set) var remarks: [Remark] = []

    init() {}

    /// - Throws: `YamlError` when it is not YAML. Documents of other kinds are skipped, those that are wrong left out with a remark.
    init(yaml: String) throws {
        // Nothing but texts is read; telling numbers from dates would take longer than all else.
        var documents = try Yams.compose_all(yaml: yaml.first == "\u{feff}" ? String(yaml.dropFirst()) : yaml, .basic)
        var known: [String: Int] = [:]
        var number = 0
        while let document = documents.next() {
            number += 1
            do {
                switch try ModuleDocument(document) {
                case .stream(let stream):
                    if let first = known[stream.nsvca].map({ streams[$0] }) {
                        guard first.hasContent(of: stream) else { throw ModuleDocument.Defect("an earlier '\(stream.nsvca)' has other content") }
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
                                text: "there are earlier defaults of this module that say otherwise; the last ones count"))
                    }
                case .other: continue
                }
            } catch let defect as ModuleDocument.Defect {
                let data = document["data"]
                let names = [data?["name"] ?? data?["module"], data?["stream"]].compactMap { $0?.scalar?.string }
                remarks.append(
                    Remark(
                        place: (number, document.mark?.line ?? 0), subject: names.isEmpty ? nil : names.joined(separator: ":"),
                        text: "\(defect.reason); the document is left out"))
            }
        }
        // Where Yams cannot go on it ends: what comes after would be missing, and packages of hidden streams be seen.
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
                        text: "its default stream is '\(second)' here and '\(first)' in an earlier repository, and neither is newer; it has none"))
            }
            defaults[module] = merged
        }
        nameContexts()
    }

    /// Contexts of chance are replaced by what they stand for (libdnf's addVersion2Modules), so that they match across versions: by the
    /// static context of the same stream with the same requirements, where there is one.
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
    /// As libmodulemd merges them (modulemd_defaults_v1_merge): the newer word counts, and of two that are equally old and disagree none.
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
    /// What tells a version of a stream from all others.
    fileprivate var nsvca: String { "\(nameStream):\(version):\(originalContext):\(architecture)" }

    /// Whether another document of the same name says the same of packages, in whatever order.
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
