import BuildStore
import ConfigurationTree
import SystemPackage

/// Finds the first field in which a stage differs from what it was.
struct StageComparison {
    let digests: InputDigests
    /// Where fields come from, by their paths (`CanonicalEncoding.origins`).
    let origins: [String: String]
    let plan: MachinePlan

    func first(_ old: CanonicalValue, _ new: CanonicalValue) -> StageDifference? { difference(old, new, field: "", place: "") }

    /// - Parameters:
    ///   - field: the name for people.
    ///   - place: the field's path in the new value.
    private func difference(_ old: CanonicalValue, _ new: CanonicalValue, field: String, place: String) -> StageDifference? {
        guard old != new else { return nil }
        switch (old, new) {
        case (.map(let before), .map(let now)):
            for key in Set(before.keys).union(now.keys).sorted() where before[key] != now[key] {
                let (name, path) = field.isEmpty ? (key, key) : ("\(field).\(key)", "\(place).\(key)")
                guard let before = before[key], let now = now[key] else {
                    return told(name, before[key], now[key], place: path)
                }
                return difference(before, now, field: name, place: path)
            }
            return nil
        case (.list(let before), .list(let now)):
            return difference(before, now, field: field, place: place)
        default: return told(field, old, new, place: place)
        }
    }

    private func difference(_ before: [CanonicalValue], _ now: [CanonicalValue], field: String, place: String) -> StageDifference? {
        let index = zip(before, now).prefix { $0 == $1 }.count
        func name(_ value: CanonicalValue) -> String {
            "\(field)[\(value["nevra"]?.text ?? value["path"]?.text ?? value["name"]?.text ?? "\(index)")]"
        }
        let (old, new) = (index < before.count ? before[index] : nil, index < now.count ? now[index] : nil)
        switch (old, new) {
        case (let old?, let new?):
            // One that came or went, and not all behind it that changed their places.
            if before.count < now.count, now.dropFirst(index + 1).first == old { return told(name(new), nil, new, place: "\(place)[\(index)]") }
            if before.count > now.count, before.dropFirst(index + 1).first == new { return told(name(old), old, nil, place: place) }
            if old["nevra"] != nil, old["nevra"] != new["nevra"] { return told(field, old, new, place: "\(place)[\(index)]") }
            return difference(old, new, field: name(new), place: "\(place)[\(index)]")
        case (nil, let new?): return told(name(new), nil, new, place: "\(place)[\(index)]")
        case (let old?, nil): return told(name(old), old, nil, place: place)
        case (nil, nil): return nil
        }
    }

    private func told(_ field: String, _ old: CanonicalValue?, _ new: CanonicalValue?, place: String) -> StageDifference {
        var difference = StageDifference(field: field, old: old.map(words), new: new.map(words), origin: origin(of: place, field))
        // Of a folder: which of its files it is.
        if let old = old?.text, let new = new?.text, let before = digests.listing(of: old), let now = digests.listing(of: new),
            let file = Set(before.keys).union(now.keys).sorted().first(where: { !$0.isEmpty && before[$0] != now[$0] })
        {
            difference.field += "/\(file)"
            difference.old = before[file].map(Self.shortened)
            difference.new = now[file].map(Self.shortened)
            if let folder = difference.origin { difference.origin = "\(folder)/\(file)" }
        }
        return difference
    }

    private func words(_ value: CanonicalValue) -> String {
        if let text = value.text { return Self.isDigest(text) ? Self.shortened(text) : "'\(text)'" }
        if let nevra = value["nevra"]?.text { return nevra }
        let text = String(decoding: value.bytes, as: UTF8.self)
        return text.count > 100 ? text.prefix(100) + "..." : text
    }

    private static func isDigest(_ text: String) -> Bool { text.utf8.count == 64 && text.allSatisfy(\.isHexDigit) }

    /// A digest is shown by its beginning.
    private static func shortened(_ text: String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { isDigest(String($0)) ? $0.prefix(12) + "..." : $0 }.joined(separator: " ")
    }

    /// That of the field itself, or of the nearest one that holds it; or where machine.yaml says it.
    private func origin(of place: String, _ field: String) -> String? {
        let tree = "generators.tree."
        if place.hasPrefix(tree) { return plan.configPath.appending(String(place.dropFirst(tree.count))).string }
        var path = place
        while !path.isEmpty {
            if let origin = origins[path] { return origin }
            guard let end = path.lastIndex(where: { ".[".contains($0) }) else { break }
            path = String(path[..<end])
        }
        return plan.settingsPlace(of: field)
    }
}

extension MachinePlan {
    /// By the beginnings of stages' fields: the keys of machine.yaml that they come from.
    private static let keys: [(field: String, key: String)] = [
        ("hardware", "hardware"), ("boot.settings", "boot"), ("plan.disks", "disks"), ("mountPoints", "disks"), ("files[/etc/fstab]", "disks"),
        ("excludedPaths", "excludedPaths"), ("tolerated", "toleratedScriptlets"), ("installsGRUB", "boot"), ("boot", "boot"),
        ("tools", "disks"), ("grubModules", "boot"), ("disk", "disks"), ("format", "outputs"),
    ]

    /// Where the setting behind a stage's field is written.
    func settingsPlace(of field: String) -> String? {
        if field.hasPrefix("transactionFlags") || field.hasPrefix("languages") || field.hasPrefix("setsContexts") {
            return machine.yum.configurationTemplate.string
        }
        if field.hasPrefix("setuidWhitelist") { return machine.path.appending("suid.whitelist").string }
        if field.hasPrefix("setgidWhitelist") { return machine.path.appending("guid.whitelist").string }
        guard let (name, key) = Self.keys.first(where: { field.hasPrefix($0.field) }) else { return nil }
        let rest = field.dropFirst(name.count).drop { $0 == "." }.prefix { !".[".contains($0) }
        let places = machine.description.places
        return (places["\(key).\(rest)"] ?? places[key])?.description
    }
}
