// Reads one document of module metadata. Of everything that decides about packages, it refuses what libmodulemd 2.14 refuses
// (modulemd_module_stream_v2_parse_yaml and _validate, modulemd_defaults_v1_*). As in dnf, unknown keys are ignored. An unknown kind of document
// crashes dnf; here only that document is left out.
import Yams

enum ModuleDocument {
    case stream(ModuleMetadata.Stream)
    case defaults(module: String, ModuleMetadata.Defaults)
    /// Translations and obsoletes: they decide nothing in a root that starts empty.
    case other

    /// - Throws: `ModuleDocumentError`.
    init(_ node: Node) throws {
        let document = try Fields(node, "the document")
        let kind = try document.text("document")
        let version = try document.number("version") ?? 0
        guard let kind else { throw ModuleDocumentError("its kind is missing ('document')") }
        guard let data = document["data"] else { throw ModuleDocumentError("it has no 'data'") }
        switch (kind, version) {
        case (_, 0): throw ModuleDocumentError("it has no 'version'")
        case ("modulemd", 1), ("modulemd-stream", 1), ("modulemd", 2), ("modulemd-stream", 2):
            self = .stream(try ModuleMetadata.Stream(try Fields(data, "data"), format: version))
        case ("modulemd-defaults", 1):
            let data = try Fields(data, "data")
            guard let module = try data.text("module") else { throw ModuleDocumentError("'data.module' is missing") }
            self = .defaults(module: module, try ModuleMetadata.Defaults(data))
        case ("modulemd", _), ("modulemd-stream", _), ("modulemd-defaults", _):
            throw ModuleDocumentError("version \(version) of '\(kind)' is unknown")
        case ("modulemd-translations", _), ("modulemd-obsoletes", _): self = .other
        case ("modulemd-packager", _): throw ModuleDocumentError("'modulemd-packager' documents are only for building modules")
        default: throw ModuleDocumentError("'\(kind)' is not a kind of module metadata")
        }
    }
}

/// Why a document is refused, as the end of a sentence.
struct ModuleDocumentError: Error {
    var reason: String

    init(_ reason: String) { self.reason = reason }
}

extension ModuleMetadata.Defaults {
    fileprivate init(_ data: Fields) throws {
        self.init()
        stream = try data.text("stream")
        modified = try data.number("modified") ?? 0
        try data.mapping("intents")
        for (stream, profiles) in try data.mapping("profiles")?.lists() ?? [:] { self.profiles[stream] = Set(profiles) }
    }
}

extension ModuleMetadata.Stream {
    fileprivate init(_ data: Fields, format: UInt64) throws {
        guard let name = try data.text("name") else { throw ModuleDocumentError("'data.name' is missing") }
        guard let stream = try data.text("stream") else { throw ModuleDocumentError("'data.stream' is missing") }
        self.init(module: name, stream: stream)
        version = Int(clamping: try data.number("version") ?? 0)
        originalContext = try data.text("context") ?? ""
        context = originalContext
        architecture = try data.text("arch") ?? "noarch"
        requirements = format == 1 ? try data.requirementsOfFormat1() : try data.requirements()
        for (profile, content) in try data.mapping("profiles")?.nodes ?? [:] {
            let content = try Fields(content, "data.profiles.\(profile)")
            _ = try content.text("description")
            _ = try content.flag("default")
            profiles[profile] = try content.list("rpms")
        }
        artifacts = try data.mapping("artifacts")?.list("rpms") ?? []
        if let wrong = artifacts.first(where: { !$0.isArtifact }) {
            throw ModuleDocumentError("its artifact '\(wrong)' is not written name-epoch:version-release.arch")
        }
        demodularized = Set(try data.mapping("demodularized")?.list("rpms") ?? [])
        if format == 2 { hasStaticContext = try data.flag("static_context") }
        if hasStaticContext, !originalContext.isEmpty || data["context"] != nil { try checkStaticContext() }
        for required in ["summary", "description"] where try data.text(required) == nil {
            throw ModuleDocumentError("'data.\(required)' is missing")
        }
        guard try data.mapping("license")?.list("module").isEmpty == false else { throw ModuleDocumentError("'data.license.module' is missing") }
        for key in ["references", "buildopts", "components", "servicelevels"] { try data.mapping(key) }
        for key in ["api", "filter"] { _ = try data.mapping(key)?.list("rpms") }
    }

    private func checkStaticContext() throws {
        let isPlain = originalContext.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
        // MODULEMD_MODULE_STREAM_V2_MAXCONTEXTLEN
        guard isPlain, (1...13).contains(originalContext.utf8.count) else {
            throw ModuleDocumentError("its static context '\(originalContext)' is not 1 to 13 of a-z A-Z 0-9 _")
        }
    }
}

/// A YAML mapping with typed access to its values.
private struct Fields {
    private(set) var nodes: [String: Node] = [:]
    /// Its place in the document, for messages.
    private let place: String

    init(_ node: Node, _ place: String) throws {
        guard case .mapping(let mapping) = node else { throw wrong(place, node, "a mapping") }
        for (key, value) in mapping { if let key = key.scalar?.string { nodes[key] = value } }
        self.place = place == "the document" ? "" : place + "."
    }

    subscript(key: String) -> Node? { nodes[key] }

    func text(_ key: String) throws -> String? {
        guard let node = nodes[key] else { return nil }
        guard let text = node.scalar?.string else { throw wrong(place + key, node, "a text") }
        return text
    }

    func number(_ key: String) throws -> UInt64? {
        guard let text = try text(key) else { return nil }
        // strtoull(3): blanks before it, and a plus.
        let digits = text.drop { " \t\n\u{b}\u{c}\r".contains($0) }
        guard let number = UInt64(digits) else { throw ModuleDocumentError("'\(place)\(key)' is '\(text)'; expected a number") }
        return number
    }

    func flag(_ key: String) throws -> Bool {
        guard let text = try text(key) else { return false }
        guard text == "true" || text == "false" else {
            throw ModuleDocumentError("'\(place)\(key)' is '\(text)'; expected true or false")
        }
        return text == "true"
    }

    @discardableResult
    func mapping(_ key: String) throws -> Fields? { try nodes[key].map { try Fields($0, place + key) } }

    /// A list of texts, or one text.
    func list(_ key: String) throws -> [String] {
        guard let node = nodes[key] else { return [] }
        switch node {
        case .scalar(let scalar): return [scalar.string]
        case .sequence(let sequence):
            return try sequence.map { one in
                guard let text = one.scalar?.string else { throw wrong(place + key, one, "a text", in: "in the list ") }
                return text
            }
        default: throw wrong(place + key, node, "a list")
        }
    }

    /// Every key's list.
    func lists() throws -> [String: [String]] {
        var lists: [String: [String]] = [:]
        for key in nodes.keys { lists[key] = try list(key) }
        return lists
    }

    /// Alternatives: required modules with the streams that are accepted.
    func requirements() throws -> [[String: [String]]] {
        guard let node = nodes["dependencies"] else { return [] }
        guard case .sequence(let alternatives) = node else { throw wrong("\(place)dependencies", node, "a list") }
        return try alternatives.map { alternative in
            let fields = try Fields(alternative, "\(place)dependencies")
            for key in ["requires", "buildrequires"] {
                for (module, streams) in try fields.mapping(key)?.lists() ?? [:]
                where streams.contains(where: { $0.hasPrefix("-") }) && !streams.allSatisfy({ $0.hasPrefix("-") }) {
                    throw ModuleDocumentError("'\(place)dependencies.\(key).\(module)' has streams with '-' and streams without")
                }
            }
            return try fields.mapping("requires")?.lists() ?? [:]
        }
    }

    func requirementsOfFormat1() throws -> [[String: [String]]] {
        guard let dependencies = try mapping("dependencies") else { return [] }
        for key in ["requires", "buildrequires"] {
            if let fields = try dependencies.mapping(key) { for module in fields.nodes.keys { _ = try fields.text(module) } }
        }
        return try dependencies.mapping("requires").map { [try $0.lists()] } ?? []
    }
}

private func wrong(_ place: String, _ node: Node, _ right: String, in list: String = "") -> ModuleDocumentError {
    let found =
        switch node {
        case .scalar, .alias: "a text"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    return ModuleDocumentError("\(list)'\(place)' is \(found); expected \(right)")
}

extension String {
    /// Whether it is a NEVRA for libmodulemd (modulemd_validate_nevra), which reads it from the end: the architecture after a point, the release
    /// after a hyphen, the version after a colon and without hyphens, and digits after one more hyphen.
    fileprivate var isArtifact: Bool {
        let bytes = utf8
        guard let point = bytes.lastIndex(of: UInt8(ascii: ".")), let release = bytes[..<point].lastIndex(of: UInt8(ascii: "-")),
            let colon = bytes[..<release].lastIndex(of: UInt8(ascii: ":")),
            !bytes[colon..<release].contains(UInt8(ascii: "-")),
            let epoch = bytes[..<colon].lastIndex(of: UInt8(ascii: "-"))
        else { return false }
        return bytes[bytes.index(after: epoch)..<colon].first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
    }
}
