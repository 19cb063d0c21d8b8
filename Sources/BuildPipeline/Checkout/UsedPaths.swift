import ConfigurationTree
import HostSystem
import SystemPackage

/// What of a tree, and of what its links lead to, the selected machines are made of.
struct UsedPaths: Sendable {
    private let tree: ConfigurationTree
    /// Folders of which all counts, with links resolved: layers, and folders of groups and machines that links lead to.
    private var whole: Set<FilePath> = []
    /// Folders of which the files directly in them count, with links resolved.
    private var flat: Set<FilePath> = []
    /// The names of groups by their folders, with links resolved.
    private var groups: [FilePath: String] = [:]

    init(_ tree: ConfigurationTree, functions: FilePath) {
        self.tree = tree
        for group in tree.groups {
            note(whole: [group.path])
            if let real = resolved(group.path) { groups[real] = group.name }
            note(files: [group.devicesFile].compactMap(\.self) + group.generatorScriptlets)
            note(whole: (group.rootUnderlays + group.rootOverlays).map(\.path))
            for machine in group.machines {
                note(whole: [machine.path] + (machine.rootUnderlays + machine.rootOverlays).map(\.path))
                note(files: [machine.packagesFile, machine.initFile, machine.devicesFile, machine.yum.configurationTemplate])
                note(files: machine.yum.repositoryFiles + machine.yum.keys + machine.generatorScriptlets + machine.rpms + machine.tests)
                flat.insert(machine.yum.path)
            }
        }
        if let real = resolved(functions) { flat.insert(real) }
    }

    private mutating func note(whole folders: [FilePath]) {
        for folder in folders { if let real = resolved(folder) { whole.insert(real) } }
    }

    private mutating func note(files: [FilePath]) {
        for file in files {
            flat.insert(file.removingLastComponent())
            if let real = resolved(file) { flat.insert(real.removingLastComponent()) }
        }
    }

    /// The folders that have to be looked at for what `contains` says, sorted by path; one may be in another.
    var roots: [FilePath] { whole.union(flat).union(tree.selectors.isEmpty ? [tree.path] : []).sorted { $0.string < $1.string } }

    func contains(_ path: FilePath) -> Bool {
        let parent = path.removingLastComponent()
        if flat.contains(parent) || tree.selectors.isEmpty && parent == tree.path { return true }
        // The innermost one; by look-ups, since a tree has many folders and an index of Git many paths.
        var root = path
        while !whole.contains(root) { guard root.removeLastComponent() else { return false } }
        // Of a group's folder everything counts but machines that are not selected.
        guard let group = groups[root], case let rest = path.components.dropFirst(root.components.count), rest.first?.string == "machines",
            let machine = rest.dropFirst().first?.string
        else { return true }
        let selected = tree.selectors.filter { $0.group == group }
        return selected.isEmpty || selected.contains { $0.machine == nil || $0.machine == machine }
    }

    /// Whether the path is in a machine's folder that is not there at all, such as one that a sparse checkout leaves out.
    func isOfAbsentMachine(_ path: FilePath) -> Bool {
        for group in tree.groups {
            let machines = group.path.appending("machines")
            guard path.starts(with: machines), let name = path.components.dropFirst(machines.components.count).first else { continue }
            return !exists(machines.appending(name))
        }
        return false
    }
}
