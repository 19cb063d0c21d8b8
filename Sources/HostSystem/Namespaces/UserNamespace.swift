// Builds without root: in a user namespace in which the user is root, and the user's subordinate ids are all other users. Everything after that, including
// workers, is the same as for root.
internal import CLinux
import Foundation
import Glibc
import SystemPackage

/// The user namespace of this process (user_namespaces(7)), and the way into one.
public enum UserNamespace {
    /// Whether this is the host's own namespace. Only there does the kernel allow device nodes and loop devices.
    public static var isInitial: Bool {
        map("uid_map") == [IDRange(inside: 0, outside: 0, count: UInt64(UInt32.max))]
    }

    /// The host's ids of this namespace's users and groups; `nil` where they are the same. A tree that was made with one mapping is useless with another.
    public static var ownership: [[IDRange]]? { isInitial ? nil : [map("uid_map"), map("gid_map")] }

    /// Lets this process build. Does nothing for the host's root. For other users, starts this program again as root of a user namespace, with the same
    /// arguments and process id, and does not return.
    ///
    /// - Throws: `RootlessError` or `HostSystemError`, with what is missing and what to change.
    public static func enterIfNeeded(tools: ToolTable, worker: Worker) async throws {
        guard var entry = try NamespaceEntry(tools: tools) else { return }
        guard entry.uidMap != nil else { return try await check(tools: tools, worker: worker) }
        entry.program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        entry.arguments = CommandLine.arguments
        let words = [worker.program.string, NamespaceEntry.name, try entry.encoded()]
        try execute(FilePath(words[0]), words)
    }

    /// Tries whether `enterIfNeeded` works, and whether a build can be isolated then.
    ///
    /// - Throws: as `enterIfNeeded`.
    public static func check(tools: ToolTable, worker: Worker) async throws {
        guard let entry = try NamespaceEntry(tools: tools) else { return }
        do {
            try await Tool(name: "discographer-worker", path: worker.program, package: "discographer")
                .run([NamespaceEntry.name, try entry.encoded()])
        } catch HostSystemError.toolFailed(_, _, let ending) {
            throw RootlessError.refused(ending)
        }
    }

    /// Whether this process may make mounts and namespaces.
    static var mayMount: Bool {
        // CAP_SYS_ADMIN is capability 21 (linux/capability.h).
        let status = (try? readText("/proc/self/status")) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:\t") } ?? ""
        return UInt64(line.dropFirst(8), radix: 16).map { $0 >> 21 & 1 == 1 } ?? false
    }

    static func map(_ name: String) -> [IDRange] {
        IDRange.ranges(inMap: (try? readText(FilePath("/proc/self/\(name)"))) ?? "")
    }

    /// Replaces this process by the program. Returns only by throwing.
    static func execute(_ program: FilePath, _ words: [String]) throws {
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        pointers.append(nil)
        execv(program.string, pointers)
        let error = Errno(rawValue: errno)
        for pointer in pointers { free(pointer) }
        throw HostSystemError.systemCall(what: "starting \(program)", errno: error)
    }
}

/// A request to discographer-worker, as JSON in its second argument: make the process root of a user namespace, then run a program.
struct NamespaceEntry: Codable {
    /// The worker's first argument.
    static let name = "user-namespace"

    /// The setuid programs that write the maps, with their arguments; `nil` when the process may write them itself.
    var uidMapper: [String]?
    var gidMapper: [String]?
    /// `nil` when the process is in its namespace already.
    var uidMap: [IDRange]?
    var gidMap: [IDRange]?
    /// The program to run then; `nil` to try only.
    var program: String?
    var arguments: [String] = []

    /// What this process needs; `nil` for the host's root, which needs nothing.
    ///
    /// - Throws: `RootlessError`, or `HostSystemError.toolMissing`.
    init?(tools: ToolTable) throws {
        let own = UserNamespace.map("uid_map")
        if geteuid() == 0 {
            if UserNamespace.isInitial && UserNamespace.mayMount { return nil }
            let groups = UserNamespace.map("gid_map")
            let reach = min(IDRange.reach(of: own), IDRange.reach(of: groups))
            guard reach >= SubordinateIDs.needed - 1 else { throw RootlessError.narrowNamespace(reach) }
            guard !UserNamespace.mayMount else { return }
            // Root of a container. The map is limited, since a map of all ids would look like the host's own.
            uidMap = IDRange.same(below: min(reach, SubordinateIDs.needed), in: own)
            gidMap = IDRange.same(below: min(reach, SubordinateIDs.needed), in: groups)
            return
        }
        let number = geteuid()
        guard let entry = getpwuid(number), let name = entry.pointee.pw_name else { throw RootlessError.nameless(number) }
        let user = String(cString: name)
        func map(_ file: FilePath, own: UInt32) throws -> [IDRange] {
            let text = (try? readText(file)) ?? ""
            let map = SubordinateIDs(text, user: user, number: number).map(own: own)
            let reach = IDRange.reach(of: map)
            guard reach >= SubordinateIDs.needed - 1 else {
                throw RootlessError.fewSubordinateIDs(
                    file: file, user: user, count: reach - 1, free: SubordinateIDs.firstFree(in: text))
            }
            return map
        }
        let (users, groups) = (
            try map(SubordinateIDs.users, own: number), try map(SubordinateIDs.groups, own: getegid())
        )
        uidMapper = try Self.mapper(try tools.tool("newuidmap"), users)
        gidMapper = try Self.mapper(try tools.tool("newgidmap"), groups)
        (uidMap, gidMap) = (users, groups)
    }

    private static func mapper(_ tool: Tool, _ map: [IDRange]) throws -> [String] {
        [tool.path.string] + map.flatMap { ["\($0.inside)", "\($0.outside)", "\($0.count)"] }
    }

    func encoded() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }

    /// Does it, in the worker, before the worker has a second thread.
    ///
    /// - Throws: `RootlessError`.
    func perform() throws {
        var step: UnsafePointer<CChar>?
        func check(_ result: Int32) throws {
            let error = Errno(rawValue: errno)
            guard result != 0 else { return }
            throw RootlessError.step(step.map { String(cString: $0) } ?? "", error, mappers: [uidMapper, gidMapper].compactMap { $0?.first })
        }
        if let uidMap, let gidMap {
            let mappers = [uidMapper, gidMapper].map { words in
                (words ?? []).map { UnsafePointer(strdup($0)) } + [nil]
            }
            let maps = [uidMap, gidMap].map { map in
                strdup(map.map { "\($0.inside) \($0.outside) \($0.count)\n" }.joined())
            }
            defer {
                for text in mappers.joined() { free(UnsafeMutablePointer(mutating: text)) }
                for text in maps { free(text) }
            }
            try mappers[0].withUnsafeBufferPointer { uidMapper in
                try mappers[1].withUnsafeBufferPointer { gidMapper in
                    var description = discographer_id_maps(
                        uid_mapper: self.uidMapper == nil ? nil : uidMapper.baseAddress,
                        gid_mapper: self.gidMapper == nil ? nil : gidMapper.baseAddress, uid_map: maps[0], gid_map: maps[1])
                    try check(discographer_enter_user_namespace(&description, &step))
                }
            }
        }
        try check(discographer_probe_namespaces(&step))
        if let program { try UserNamespace.execute(FilePath(program), arguments) }
    }
}
