// Groups and environments of a repository, read and merged as libcomps does it for dnf.
// https://docs.fedoraproject.org/en-US/packaging-guidelines/Comps/ describes the format.
import Foundation

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The groups of packages in comps.xml.
struct Comps: Sendable {
    struct Member: Hashable, Sendable {
        enum Kind: String, Sendable {
            case mandatory
            case `default`
            case optional
            case conditional
        }

        var name: String
        var kind: Kind
        /// A conditional member is wanted when this package is installed.
        var condition: String?
        /// Whether only the base architecture of the repositories is accepted, not a second one of multilib.
        var baseArchitectureOnly: Bool
    }

    struct Group: Sendable {
        var id: String
        var name = ""
        var members: [Member] = []
    }

    struct Environment: Sendable {
        var id: String
        var name = ""
        /// Ids of its mandatory groups. As in dnf, optional groups are left out.
        var groups: [String] = []
    }

    var groups: [Group] = []
    var environments: [Environment] = []

    init() {}

    /// As in dnf, attributes that restrict an element to some architectures are ignored: they are for tools that compose repositories.
    ///
    /// - Throws: the parser's error when the text is not XML.
    init(xml: String) throws {
        let reader = CompsReader()
        let parser = XMLParser(data: Data(xml.utf8))
        parser.delegate = reader
        guard parser.parse() else { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
        self = reader.comps
    }

    /// Adds the groups of another repository. Members of a group that both have are united; the other repository decides about members that
    /// both have.
    mutating func merge(_ other: Comps) {
        for group in other.groups {
            guard let place = groups.firstIndex(where: { $0.id == group.id }) else {
                groups.append(group)
                continue
            }
            groups[place].name = group.name
            for member in group.members {
                if let known = groups[place].members.firstIndex(where: { $0.name == member.name }) {
                    groups[place].members[known] = member
                } else {
                    groups[place].members.append(member)
                }
            }
        }
        for environment in other.environments {
            guard let place = environments.firstIndex(where: { $0.id == environment.id }) else {
                environments.append(environment)
                continue
            }
            environments[place].name = environment.name
            environments[place].groups += environment.groups.filter { !environments[place].groups.contains($0) }
        }
    }

    /// Without the groups and environments whose ids these glob patterns fit (`excludegroups` and `excludeenvs` of dnf5).
    func without(groups excludedGroups: [String], environments excludedEnvironments: [String]) -> Comps {
        guard !excludedGroups.isEmpty || !excludedEnvironments.isEmpty else { return self }
        return Comps(
            groups: groups.filter { group in !excludedGroups.contains { fnmatch($0, group.id, 0) == 0 } },
            environments: environments.filter { environment in !excludedEnvironments.contains { fnmatch($0, environment.id, 0) == 0 } })
    }

    /// The groups that a pattern means: `core`, `Core`, `*server*`, the id or name of an environment, or `^minimal-environment`
    /// for an environment alone. `nil` when nothing matches.
    func groups(matching pattern: String) -> [Group]? {
        let onlyEnvironments = pattern.hasPrefix("^")
        let pattern = onlyEnvironments ? String(pattern.dropFirst()) : pattern
        let environments = Self.choose(environments, pattern) { ($0.id, $0.name) }
        let direct = onlyEnvironments ? [] : Self.choose(groups, pattern) { ($0.id, $0.name) }
        guard !environments.isEmpty || !direct.isEmpty else { return nil }
        let ofEnvironments = environments.flatMap(\.groups).compactMap { id in groups.first { $0.id == id } }
        return direct + ofEnvironments
    }

    /// An exact id or name wins; otherwise globs match without regard to case (dnf/comps.py, `_by_pattern`).
    private static func choose<Element>(
        _ all: [Element], _ pattern: String, _ names: (Element) -> (id: String, name: String)
    ) -> [Element] {
        let exact = all.filter { names($0).id == pattern || names($0).name == pattern }
        guard exact.isEmpty else { return exact }
        let folded = pattern.lowercased()
        return all.filter {
            fnmatch(folded, names($0).id.lowercased(), 0) == 0 || fnmatch(folded, names($0).name.lowercased(), 0) == 0
        }
    }
}

/// Follows the elements; used for one document, on one thread.
private final class CompsReader: NSObject, XMLParserDelegate {
    var comps = Comps()
    private var path: [String] = []
    private var attributes: [String: String] = [:]
    private var text = ""
    private var group: Comps.Group?
    private var environment: Comps.Environment?

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        path.append(name)
        text = ""
        self.attributes = attributes
        guard path.count == 2 else { return }
        if name == "group" { group = Comps.Group(id: "") }
        if name == "environment" { environment = Comps.Environment(id: "") }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
        defer {
            path.removeLast()
            text = ""
            attributes = [:]
        }
        let value = text.trimmingCharacters(in: .whitespacesAndNewlines)
        switch path.dropFirst().joined(separator: "/") {
        case "group/id": group?.id = value
        // Names with a language are translations.
        case "group/name" where attributes["xml:lang"] == nil: group?.name = value
        case "group/packagelist/packagereq" where !value.isEmpty:
            group?.members.append(
                Comps.Member(
                    name: value, kind: attributes["type"].flatMap(Comps.Member.Kind.init) ?? .mandatory,
                    condition: attributes["requires"],
                    baseArchitectureOnly: attributes["basearchonly"]?.lowercased() == "true"))
        case "group":
            if let group { comps.merge(Comps(groups: [group])) }
            group = nil
        case "environment/id": environment?.id = value
        case "environment/name" where attributes["xml:lang"] == nil: environment?.name = value
        case "environment/grouplist/groupid": environment?.groups.append(value)
        case "environment":
            if let environment { comps.merge(Comps(environments: [environment])) }
            environment = nil
        default: break
        }
    }
}

extension Comps {
    fileprivate init(groups: [Group] = [], environments: [Environment] = []) {
        self.groups = groups
        self.environments = environments
    }
}
