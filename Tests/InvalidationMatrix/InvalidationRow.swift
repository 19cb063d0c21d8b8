/// A change to the small tree of `MatrixFixture`, and exactly the stages that the next build runs.
public struct InvalidationRow: Sendable, CustomStringConvertible {
    /// What is changed.
    public var name: String
    /// A shell script that makes the change. It runs in the folder of the tree, with `$templates`, `$group` (of g), `$one`, `$two`, `$other` (group h) and `$three`.
    public var change: String
    /// Such as `g/one image system.qcow2`, in any order.
    public var stages: [String]
    /// A shell script that changes the host, in the build's own mount namespace.
    public var host: String?
    public var arguments: [String] = []
    public var environment: [String: String] = [:]
    /// The build says this.
    public var words: String?
    /// The build fails, with `words`.
    public var fails = false
    /// A build from nothing has to make the same bytes as before the change.
    public var comparesCleanBuild = false

    public var description: String { name }

    init(_ name: String, _ change: String, _ stages: [String]...) {
        self.name = name
        self.change = change
        self.stages = stages.flatMap { $0 }
    }

    func host(_ script: String) -> InvalidationRow { with { $0.host = script } }
    func arguments(_ arguments: String...) -> InvalidationRow { with { $0.arguments = arguments } }
    func environment(_ environment: [String: String]) -> InvalidationRow { with { $0.environment = environment } }
    func says(_ words: String) -> InvalidationRow { with { $0.words = words } }
    func comparingCleanBuild() -> InvalidationRow { with { $0.comparesCleanBuild = true } }

    func failing(_ words: String) -> InvalidationRow {
        with {
            $0.words = words
            $0.fails = true
        }
    }

    private func with(_ change: (inout InvalidationRow) -> Void) -> InvalidationRow {
        var row = self
        change(&row)
        return row
    }
}

/// The machine with generator scriptlets, which can read its folder and the group's, with local packages, and with a qcow2.
func one(_ stages: String) -> [String] { names("g/one", stages, ["image": "system.qcow2"]) }

/// Its neighbour, without scriptlets: it boots by GRUB from a raw disk.
func two(_ stages: String) -> [String] { names("g/two", stages, ["image": "system.raw"]) }

/// A machine of another group, which has overlays and devices; its packages are those of `two`. It becomes an OVA.
func three(_ stages: String) -> [String] {
    names("h/three", stages, ["image": "system.vmdk", "appliance": "three.ovf", "archive": "three.ova"])
}

/// `all` and `made`: the stages from `fetch` and from `compose` on.
private func names(_ machine: String, _ stages: String, _ subjects: [String: String]) -> [String] {
    let rest = "disk image" + (subjects.count > 1 ? " appliance archive" : "") + " publish"
    let words = stages.replacing("all", with: "fetch install made").replacing("made", with: "compose \(rest)").replacing("disks", with: rest)
    return words.split(separator: " ").map { word in
        if word.contains(":") { return "\(machine) \(word.replacing(":", with: " "))" }
        return "\(machine) \(word)" + (subjects[String(word)].map { " \($0)" } ?? "")
    }
}
