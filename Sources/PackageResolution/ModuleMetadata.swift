// Module metadata (modulemd v2 and modulemd-defaults v1), as far as it decides which packages can be seen.
// https://github.com/fedora-modularity/libmodulemd/tree/main/yaml_specs
import Yams

/// The module streams of one or several repositories.
struct ModuleMetadata: Sendable {
    struct Stream: Hashable, Sendable {
        var module: String
        var stream: String
        /// `name-epoch:version-release.arch` of every package of the stream.
        var artifacts: [String] = []
        /// Other modules that it needs, with the streams that will do; empty: any. One of the alternatives must hold.
        var requirements: [[String: [String]]] = []
    }

    var streams: [Stream] = []
    /// By module; a module without a default stream is not here.
    var defaults: [String: String] = [:]

    init() {}

    /// - Throws: `YamlError` when it is not YAML. Documents of other kinds are skipped.
    init(yaml: String) throws {
        for document in try Yams.compose_all(yaml: yaml) {
            guard let data = document["data"] else { continue }
            switch document["document"]?.string {
            case "modulemd":
                guard let name = data["name"]?.string, let stream = data["stream"]?.string else { continue }
                var one = Stream(module: name, stream: stream)
                one.artifacts = data["artifacts"]?["rpms"]?.sequence?.compactMap(\.string) ?? []
                for alternative in data["dependencies"]?.sequence ?? [] {
                    var requirement: [String: [String]] = [:]
                    for (module, streams) in alternative["requires"]?.mapping ?? [:] {
                        guard let module = module.string, module != "platform" else { continue }
                        requirement[module] = streams.sequence?.compactMap(\.string) ?? []
                    }
                    one.requirements.append(requirement)
                }
                streams.append(one)
            case "modulemd-defaults":
                guard let module = data["module"]?.string, let stream = data["stream"]?.string else { continue }
                defaults[module] = stream
            default: continue
            }
        }
    }

    /// Adds another repository's modules; where the two disagree on a default, there is none, as libdnf has it.
    mutating func merge(_ other: ModuleMetadata) {
        streams += other.streams
        defaults.merge(other.defaults) { $0 == $1 ? $0 : "" }
        defaults = defaults.filter { !$0.value.isEmpty }
    }

    /// The default streams, and what they need: all that a root that starts empty can see.
    var activeStreams: [String: String] {
        var active = defaults
        var waiting = Array(defaults.keys)
        while let module = waiting.popLast() {
            for stream in streams where stream.module == module && stream.stream == active[module] {
                for (needed, wanted) in stream.requirements.first ?? [:] where active[needed] == nil {
                    let available = Set(streams.lazy.filter { $0.module == needed }.map(\.stream))
                    let usable = wanted.filter(available.contains)
                    guard let chosen = usable.first ?? (wanted.isEmpty ? available.sorted().last : nil) else {
                        continue
                    }
                    active[needed] = chosen
                    waiting.append(needed)
                }
            }
        }
        return active
    }
}
