// Module metadata (modulemd v2 and modulemd-defaults v1), as far as it decides which packages can be seen and wanted.
// https://github.com/fedora-modularity/libmodulemd/tree/main/yaml_specs
//
// Of those documents a dozen keys matter here, and Yams, which reads machine.yaml too, reads them. libmodulemd would bring GLib, GObject
// and libmagic into every run for its upgrades of formats that no repository has any more; its rules for merging are kept below.
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
        fileprivate var hasStaticContext = false

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
        fileprivate var modified: UInt64 = 0
        /// Repositories disagree on the stream: there is none then, and no further repository makes it one.
        fileprivate var isContested = false
    }

    private(set) var streams: [Stream] = []
    /// By module.
    private(set) var defaults: [String: Defaults] = [:]

    init() {}

    /// - Throws: `YamlError` when it is not YAML. Documents of other kinds are skipped.
    init(yaml: String) throws {
        // Nothing but texts is read; telling numbers from dates would take longer than all else.
        var documents = try Yams.compose_all(yaml: yaml.first == "\u{feff}" ? String(yaml.dropFirst()) : yaml, .basic)
        while let document = documents.next() {
            guard let data = document["data"] else { continue }
            switch document["document"]?.string {
            case "modulemd": if let stream = Stream(data) { streams.append(stream) }
            case "modulemd-defaults":
                guard let module = data["module"]?.string else { continue }
                var one = Defaults(stream: data["stream"]?.string)
                one.modified = data["modified"]?.string.flatMap { UInt64($0) } ?? 0
                for (stream, profiles) in data["profiles"]?.mapping ?? [:] {
                    if let stream = stream.string { one.profiles[stream] = Set(profiles.texts) }
                }
                defaults[module] = defaults[module]?.merged(with: one) ?? one
            default: continue
            }
        }
        // Where Yams cannot go on it ends: what comes after would be missing, and packages of hidden streams be seen.
        if let error = documents.error { throw error }
        nameContexts()
    }

    /// Adds another repository's modules.
    mutating func merge(_ other: ModuleMetadata) {
        streams += other.streams
        for (module, one) in other.defaults { defaults[module] = defaults[module]?.merged(with: one) ?? one }
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
    fileprivate init?(_ data: Node) {
        guard let name = data["name"]?.string, let stream = data["stream"]?.string else { return nil }
        self.init(module: name, stream: stream)
        version = data["version"]?.string.flatMap { Int($0) } ?? 0
        originalContext = data["context"]?.string ?? ""
        context = originalContext
        hasStaticContext = data["static_context"]?.string == "true"
        architecture = data["arch"]?.string ?? "noarch"
        artifacts = data["artifacts"]?["rpms"]?.texts ?? []
        demodularized = Set(data["demodularized"]?["rpms"]?.texts ?? [])
        for alternative in data["dependencies"]?.sequence ?? [] {
            var requirement: [String: [String]] = [:]
            for (module, streams) in alternative["requires"]?.mapping ?? [:] {
                if let module = module.string { requirement[module] = streams.texts }
            }
            requirements.append(requirement)
        }
        for (profile, content) in data["profiles"]?.mapping ?? [:] {
            if let profile = profile.string { profiles[profile] = content["rpms"]?.texts ?? [] }
        }
    }

    fileprivate var requirementsAsContext: String {
        let texts = requirements.flatMap { $0 }.filter { $0.key != "platform" }.map { module, streams in
            streams.isEmpty ? module : "\(module):[\(streams.sorted().joined(separator: ","))]"
        }
        return texts.isEmpty ? "NoRequires" : texts.sorted().joined(separator: ";")
    }
}

extension Node {
    /// Of a list of texts.
    fileprivate var texts: [String] { sequence?.compactMap(\.string) ?? [] }
}
