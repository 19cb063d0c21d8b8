// Module metadata (modulemd v2 and modulemd-defaults v1), as far as it decides which packages can be seen.
// https://github.com/fedora-modularity/libmodulemd/tree/main/yaml_specs
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
        var architecture = "noarch"
        /// `name-epoch:version-release.arch` of every package of the stream.
        var artifacts: [String] = []
        /// Names of packages that were in the stream once and are ordinary ones now.
        var demodularized: Set<String> = []
        /// Other modules that it needs, with the streams that will do, `-` before those that will not; empty: any.
        var requirements: [[String: [String]]] = []
    }

    var streams: [Stream] = []
    /// By module; a module without a default stream is not here.
    var defaults: [String: String] { allDefaults.compactMapValues(\.self) }
    /// `nil` where repositories disagree: there is none then, and no further repository makes it one.
    private var allDefaults: [String: String?] = [:]

    init() {}

    /// - Throws: `YamlError` when it is not YAML. Documents of other kinds are skipped.
    init(yaml: String) throws {
        for document in try Yams.compose_all(yaml: yaml) {
            guard let data = document["data"] else { continue }
            switch document["document"]?.string {
            case "modulemd":
                guard let name = data["name"]?.string, let stream = data["stream"]?.string else { continue }
                var one = Stream(module: name, stream: stream)
                one.version = data["version"]?.string.flatMap { Int($0) } ?? 0
                one.architecture = data["arch"]?.string ?? "noarch"
                one.artifacts = data["artifacts"]?["rpms"]?.sequence?.compactMap(\.string) ?? []
                one.demodularized = Set(data["demodularized"]?["rpms"]?.sequence?.compactMap(\.string) ?? [])
                for alternative in data["dependencies"]?.sequence ?? [] {
                    var requirement: [String: [String]] = [:]
                    for (module, streams) in alternative["requires"]?.mapping ?? [:] {
                        guard let module = module.string else { continue }
                        requirement[module] = streams.sequence?.compactMap(\.string) ?? []
                    }
                    one.requirements.append(requirement)
                }
                let isStatic = data["static_context"]?.string == "true"
                one.context = isStatic ? data["context"]?.string ?? "" : one.requirementsAsContext
                streams.append(one)
            case "modulemd-defaults":
                guard let module = data["module"]?.string, let stream = data["stream"]?.string else { continue }
                add(default: stream, of: module)
            default: continue
            }
        }
    }

    /// Adds another repository's modules; where the two disagree on a default, there is none, as libmodulemd has it.
    mutating func merge(_ other: ModuleMetadata) {
        streams += other.streams
        for (module, stream) in other.allDefaults { add(default: stream, of: module) }
    }

    private mutating func add(default stream: String?, of module: String) {
        if let known = allDefaults[module], known != stream {
            allDefaults[module] = .some(nil)
        } else {
            allDefaults[module] = .some(stream)
        }
    }
}

extension ModuleMetadata.Stream {
    /// Contexts of chance are replaced by what they stand for (libdnf's addVersion2Modules), so that they match across versions.
    fileprivate var requirementsAsContext: String {
        let texts = requirements.flatMap { $0 }.filter { $0.key != "platform" }.map { module, streams in
            streams.isEmpty ? module : "\(module):[\(streams.sorted().joined(separator: ","))]"
        }
        return texts.isEmpty ? "NoRequires" : texts.sorted().joined(separator: ";")
    }
}
