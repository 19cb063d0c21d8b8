// The only file that reads the fields of libsolv's Pool. dnf5's libdnf5/solv/pool.hpp has the same task.
internal import CSolv
import Glibc
import SystemPackage

/// Owns one libsolv pool. Strings are copied at once, since libsolv's own move when the pool grows.
///
/// Used on one thread: libsolv has no locks.
class SolvPool {
    /// Only for calls of libsolv; no other file reads its fields.
    let handle: UnsafeMutablePointer<Pool>
    /// libsolv's map of visible packages, a bit for each solvable.
    private let considered = UnsafeMutablePointer<Map>.allocate(capacity: 1)

    /// - Parameter architecture: what the machine runs; `nil` for a pool that only reads metadata or compares versions.
    /// - Throws: `Errno.noMemory`.
    init(architecture: String? = nil) throws {
        guard let handle = pool_create() else {
            considered.deallocate()
            throw Errno.noMemory
        }
        self.handle = handle
        map_init(considered, 0)
        pool_setdisttype(handle, Int32(DISTTYPE_RPM))
        guard let architecture else { return }
        pool_setarch(handle, architecture)
        // As in libdnf: hidden packages still count when the solver weighs architectures and versions.
        pool_set_flag(handle, POOL_FLAG_WHATPROVIDESWITHDISABLED, 1)
        // Both architectures of a package may be installed together in one version: multilib as Fedora has it.
        pool_set_flag(handle, POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
    }

    deinit {
        handle.pointee.considered = nil
        map_free(considered)
        considered.deallocate()
        pool_free(handle)
    }
}

// MARK: Strings

extension SolvPool {
    /// The id of a text, which gets one if it has none.
    func id(of text: String) -> Id { pool_str2id(handle, text, 1) }

    /// The id of a text; `nil` when nothing in the pool has this text.
    func knownID(of text: String) -> Id? {
        let id = pool_str2id(handle, text, 0)
        return id == 0 ? nil : id
    }

    /// The text of an id; of a dependency such as `name >= version` its name.
    func string(_ id: Id) -> String { String(cString: pool_id2str(handle, id)) }

    /// Whether a glob pattern fits the text of an id (fnmatch(3)).
    func matches(_ id: Id, _ pattern: String) -> Bool { fnmatch(pattern, pool_id2str(handle, id), 0) == 0 }

    /// The ids of all texts that are paths; nearly all of them are dependencies.
    var pathIDs: [Id] {
        (1..<handle.pointee.ss.nstrings).filter { id in
            let text = handle.pointee.ss.stringspace + Int(handle.pointee.ss.strings[Int(id)])
            return text.pointee == CChar(UInt8(ascii: "/"))
        }
    }

    /// libsolv's last error.
    var errorText: String { String(cString: pool_errstr(handle)) }
}

// MARK: Dependencies

extension SolvPool {
    /// A dependency as it is written, such as `name >= version`.
    func text(_ dependency: Id) -> String { pool_dep2str(handle, dependency).map { String(cString: $0) } ?? "" }

    /// The id of the name in a dependency.
    func nameID(ofDependency dependency: Id) -> Id {
        var (id, name, version): (Id, Id, Id) = (dependency, 0, 0)
        while discographer_relation(handle, id, &name, &version) != 0 { id = name }
        return id
    }

    /// A boolean dependency such as `(nginx or httpd)`; `nil` when it cannot be read.
    func richDependency(_ text: String) -> Id? {
        let id = pool_parserpmrichdep(handle, text)
        return id == 0 ? nil : id
    }

    /// The solvables that provide a dependency, hidden ones included.
    func providers(of dependency: Id) -> [Id] { providers(at: Int(pool_whatprovides(handle, dependency))) }

    /// A list of solvables in libsolv's table of provides.
    ///
    /// - Parameter place: where the list begins.
    func providers(at place: Int) -> [Id] {
        var providers: [Id] = []
        var place = place
        while case let id = handle.pointee.whatprovidesdata[place], id != 0 {
            if id != Self.systemSolvable { providers.append(id) }
            place += 1
        }
        return providers
    }

    /// SYSTEMSOLVABLE of solv/pool.h: provides what the system itself has.
    private static let systemSolvable: Id = 1

    /// Whether libsolv has looked up the providers of a text.
    func isLookedUp(_ id: Id) -> Bool { handle.pointee.whatprovides[Int(id)] != 0 }

    func hasObsoletes(_ id: Id) -> Bool { handle.pointee.solvables[Int(id)].obsoletes != 0 }

    /// The dependencies of one kind that a solvable has.
    func dependencies(of id: Id, _ kind: solv_knownid) -> [Id] {
        let marker = Id(SOLVABLE_PREREQMARKER.rawValue)
        return Queue.ids { solvable_lookup_idarray(solvable(id), Id(kind.rawValue), &$0) }.filter { $0 != marker }
    }

    /// Whether a solvable has the name and version of a dependency, whatever it provides.
    func matchesNameAndVersion(_ id: Id, _ dependency: Id) -> Bool { pool_match_nevr(handle, solvable(id), dependency) != 0 }
}

// MARK: Solvables

extension SolvPool {
    /// For calls of libsolv; the pointer is valid until a solvable is added.
    func solvable(_ id: Id) -> UnsafeMutablePointer<Solvable> { handle.pointee.solvables + Int(id) }

    /// One more than the last solvable's id.
    var endOfSolvables: Id { handle.pointee.nsolvables }

    /// All ids that may be those of packages. The first two are libsolv's own.
    var solvableIDs: Range<Id> { 2..<max(2, endOfSolvables) }

    func nameID(of id: Id) -> Id { handle.pointee.solvables[Int(id)].name }

    func architectureID(of id: Id) -> Id { handle.pointee.solvables[Int(id)].arch }

    func name(of id: Id) -> String { string(nameID(of: id)) }

    /// `[epoch:]version-release`.
    func evr(of id: Id) -> String { string(handle.pointee.solvables[Int(id)].evr) }

    func architecture(of id: Id) -> String { string(architectureID(of: id)) }

    /// `name-evr.arch`.
    func nevra(_ id: Id) -> String { String(cString: pool_solvid2str(handle, id)) }

    /// `name-evr.arch`, with an epoch even if it is 0.
    func nevraWithEpoch(_ id: Id) -> String {
        let evr = evr(of: id)
        return "\(name(of: id))-\(evr.contains(":") ? evr : "0:" + evr).\(architecture(of: id))"
    }

    /// `name-evr.arch (repository)`.
    func described(_ id: Id) -> String { nevra(id) + (repositoryName(of: id).map { " (\($0))" } ?? "") }

    /// Each version once, in the order of the ids.
    func nevras(_ ids: some Sequence<Id>) -> [String] {
        var known: Set<String> = []
        return ids.map(nevra).filter { known.insert($0).inserted }
    }

    /// Each version once with all the repositories that have it, `name-evr.arch (repository, repository)`, in the order of the ids.
    func described(_ ids: some Sequence<Id>) -> [String] {
        var holders: [String: [String]] = [:]
        for id in ids {
            let name = repositoryName(of: id) ?? ""
            if holders[nevra(id)]?.contains(name) != true { holders[nevra(id), default: []].append(name) }
        }
        return nevras(ids).map { nevra in
            let names = (holders[nevra] ?? []).filter { !$0.isEmpty }
            return names.isEmpty ? nevra : "\(nevra) (\(names.joined(separator: ", ")))"
        }
    }

    /// Below 0: the left one's version is lower; above 0: it is higher. Names do not matter.
    func compareVersions(_ left: Id, _ right: Id) -> Int32 {
        pool_evrcmp(handle, solvable(left).pointee.evr, solvable(right).pointee.evr, Int32(EVRCMP_COMPARE))
    }

    /// The same for `[epoch:]version-release` as text.
    func compareVersions(_ left: String, _ right: String) -> Int32 { pool_evrcmp_str(handle, left, right, Int32(EVRCMP_COMPARE)) }

    /// Whether there is such a solvable; libsolv's numbers have gaps.
    func isSolvable(_ id: Id) -> Bool { handle.pointee.solvables[Int(id)].repo != nil }

    /// Whether it is a package: libsolv makes solvables of groups and other things too.
    func isPackage(_ id: Id) -> Bool { isSolvable(id) && !name(of: id).contains(":") }

    /// Whether it is a source package (`src`).
    func isSource(_ id: Id) -> Bool { architectureID(of: id) == Id(ARCH_SRC.rawValue) }

    /// Whether it is a source package, be it one without sources (`nosrc`).
    func isAnySource(_ id: Id) -> Bool { isSource(id) || architectureID(of: id) == Id(ARCH_NOSRC.rawValue) }

    /// Whether packages of an architecture can be installed.
    func runs(_ architecture: String) -> Bool { pool_arch2score(handle, id(of: architecture)) != 0 }
}

// MARK: Repositories

extension SolvPool {
    /// - Throws: `Errno.noMemory`.
    func addRepository(_ id: String) throws -> UnsafeMutablePointer<Repo> {
        guard let repo = repo_create(handle, id) else { throw Errno.noMemory }
        return repo
    }

    func repository(_ id: String) -> UnsafeMutablePointer<Repo>? {
        // A pool without repositories counts 0, others count from 1.
        for index in 1..<max(1, Int(handle.pointee.nrepos)) {
            if let repo = handle.pointee.repos[index], String(cString: repo.pointee.name) == id { return repo }
        }
        return nil
    }

    func repository(of id: Id) -> UnsafeMutablePointer<Repo>? { handle.pointee.solvables[Int(id)].repo }

    func repositoryName(of id: Id) -> String? { repository(of: id).map { String(cString: $0.pointee.name) } }

    /// libsolv's priority, of which the higher one wins.
    func repositoryPriority(of id: Id) -> Int32 { repository(of: id)?.pointee.priority ?? 0 }
}

// MARK: What is hidden

extension SolvPool {
    /// Makes every package visible.
    func showEverything() { handle.pointee.considered = nil }

    func hide(_ ids: Set<Id>) {
        if handle.pointee.considered == nil {
            map_free(considered)
            map_init(considered, endOfSolvables)
            map_setall(considered)
            handle.pointee.considered = considered
        }
        for id in ids { map_clr(considered, id) }
    }

    /// Whether the package is visible.
    func isConsidered(_ id: Id) -> Bool {
        guard handle.pointee.considered != nil, let bits = considered.pointee.map else { return true }
        return bits[Int(id) >> 3] & (1 << UInt8(id & 7)) != 0
    }

    /// A bit for each solvable, 1 for visible ones; `nil` when nothing is hidden.
    var consideredBits: [UInt8]? {
        guard handle.pointee.considered != nil, let bits = considered.pointee.map else { return nil }
        return Array(UnsafeBufferPointer(start: bits, count: Int(considered.pointee.size)))
    }

    /// Runs something with all packages visible; `isHidden` tells which ones were hidden before.
    func withEverythingVisible<Value>(_ body: (_ isHidden: (Id) -> Bool) throws -> Value) rethrows -> Value {
        let map = handle.pointee.considered
        handle.pointee.considered = nil
        defer { handle.pointee.considered = map }
        return try body { id in
            guard let map = map?.pointee, id >= 0, id >> 3 < map.size else { return false }
            return map.map[Int(id >> 3)] & (1 << UInt8(id & 7)) == 0
        }
    }
}

extension Queue {
    /// A copy: the queue's memory is libsolv's.
    var ids: [Id] { (0..<Int(count)).map { elements[$0] } }

    /// The ids that a call of libsolv puts into an empty queue.
    static func ids(_ fill: (inout Queue) -> Void) -> [Id] {
        var queue = Queue()
        queue_init(&queue)
        defer { queue_free(&queue) }
        fill(&queue)
        return queue.ids
    }
}
