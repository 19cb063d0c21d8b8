internal import CSolv
import ConfigurationTree
import SystemPackage

/// Why packages of the repositories are hidden: what forbids, excludes or filters them, and where that is written.
struct HiddenPackages {
    /// One reason why packages are hidden.
    struct Cause: Hashable {
        enum Kind: Hashable {
            /// A line `-name` of `packages`.
            case forbidden(PackageRequest)
            /// `exclude` of the yum configuration, for one repository or for all (`nil`).
            case excluded(glob: String, repository: String?)
            /// `includepkgs` lists only other packages.
            case notIncluded(repository: String)
            /// The package belongs to a stream that is not active; `used` is the active stream of its module.
            case module(String, used: String?)
            /// An active stream has packages of the same name.
            case competesWithModule(String)
            /// An entry of versionlock.list allows another version, or excludes this one.
            case versionLock
        }

        var kind: Kind
        var location: SourceLocation?

        init(kind: Kind, location: SourceLocation? = nil) {
            self.kind = kind
            self.location = location
        }
    }

    private var causes: [Id: Cause] = [:]

    /// Needs a pool in which everything is visible; `isHidden` says what the request hides.
    init(in pool: PackagePool, _ request: ResolutionRequest, isHidden: (Id) -> Bool) {
        func add(_ ids: some Sequence<Id>, _ kind: Cause.Kind, _ location: SourceLocation?) {
            for id in ids where causes[id] == nil && isHidden(id) { causes[id] = Cause(kind: kind, location: location) }
        }
        let written = request.configuration.writtenOptions
        func place(_ names: [String], _ section: String, _ glob: String?) -> SourceLocation? {
            written.first { option in
                names.contains(option.name) && option.section == section
                    && (glob.map { option.value.listItems.contains($0) } ?? true)
            }?.location
        }
        for one in request.requests where one.kind == .forbid {
            add(pool.match(one.spec, contents: false).ids, .forbidden(one), one.location)
        }
        let excludes = ["exclude", "excludepkgs"]
        for glob in request.configuration.excludes {
            add(
                pool.match(glob, contents: false).ids, .excluded(glob: glob, repository: nil), place(excludes, "main", glob))
        }
        let areAllFiltered = !request.configuration.includes.isEmpty
        let filtered = Set(request.configuration.repositories.filter { areAllFiltered || !$0.includes.isEmpty }.map(\.id))
        for repository in request.configuration.repositories {
            func own(_ glob: String) -> [Id] {
                pool.match(glob, contents: false) { pool.repositoryName(of: $0) == repository.id }.ids
            }
            for glob in repository.excludes {
                let here = place(excludes, repository.id, glob) ?? place(excludes, "main", glob)
                add(own(glob), .excluded(glob: glob, repository: repository.id), here)
            }
        }
        let moduleCauses = pool.moduleCauses()
        for id in pool.solvableIDs where causes[id] == nil && isHidden(id) {
            if let kind = moduleCauses[id] {
                causes[id] = Cause(kind: kind)
            } else if let repository = pool.repositoryName(of: id), filtered.contains(repository) {
                causes[id] = Cause(
                    kind: .notIncluded(repository: repository),
                    location: place(["includepkgs"], repository, nil) ?? place(["includepkgs"], "main", nil))
            } else if !request.configuration.versionLocks.isEmpty {
                causes[id] = Cause(kind: .versionLock)
            }
        }
    }

    func cause(_ id: Id) -> Cause? { causes[id] }
}

extension HiddenPackages.Cause {
    /// As the end of a sentence that begins with a package: `packages:7 forbids it`.
    func clause(_ places: ShortPlaces) -> String {
        let place = location.map(places.text)
        switch kind {
        case .forbidden: return "\(place ?? "a '-' line of packages") forbids it"
        case .excluded(let glob, _): return "\(place ?? "the yum configuration") excludes '\(glob)'"
        case .notIncluded(let repository):
            return "\(place ?? "the yum configuration") includes only other packages of '\(repository)'"
        case .module(let stream, let used):
            return "it belongs to the module stream '\(stream)', "
                + (used.map { "and '\($0)' is used" } ?? "which no line enables")
        case .competesWithModule(let stream): return "the module stream '\(stream)' is used, and has its own package of that name"
        case .versionLock: return "versionlock.list allows only another version"
        }
    }

    /// Whether `ResolutionRequest.lifting` can undo it.
    var isLiftable: Bool {
        switch kind {
        case .forbidden, .excluded(_, nil): true
        default: false
        }
    }

    /// The edit that makes the package visible; `nil` when no edit does.
    func remedy(_ places: ShortPlaces) -> String? {
        let place = location.map { " (\(places.text($0)))" } ?? ""
        switch kind {
        case .forbidden(let request): return "allow '\(request.spec)': remove the line '-\(request.spec)'\(place)"
        case .excluded(let glob, _): return "allow it: remove '\(glob)' from exclude\(place)"
        case .notIncluded(let repository): return "add it to includepkgs of '\(repository)'\(place)"
        case .versionLock: return "allow it in versionlock.list"
        case .module, .competesWithModule: return nil
        }
    }
}
