import SystemPackage

/// A range of user or group ids inside a user namespace, with the ids that they are outside (user_namespaces(7)).
public struct IDRange: Hashable, Codable, Sendable {
    /// The first id, as processes in the namespace see it.
    public var inside: UInt64
    /// The first id outside.
    public var outside: UInt64
    public var count: UInt64

    public init(inside: UInt64, outside: UInt64, count: UInt64) {
        self.inside = inside
        self.outside = outside
        self.count = count
    }

    /// The lines of /proc/<pid>/uid_map and gid_map.
    static func ranges(inMap text: String) -> [IDRange] {
        text.split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ").compactMap { UInt64($0) }
            return numbers.count == 3 ? IDRange(inside: numbers[0], outside: numbers[1], count: numbers[2]) : nil
        }
    }

    /// How many ids are mapped from 0 on without a gap.
    static func reach(of ranges: [IDRange]) -> UInt64 {
        ranges.sorted { $0.inside < $1.inside }.reduce(0) { $1.inside == $0 ? $0 + $1.count : $0 }
    }

    /// A map for a namespace inside one that has `ranges`: ids below `count` stay the same. It has a line for each range, since the kernel refuses a line
    /// that crosses the end of an outer range.
    static func same(below count: UInt64, in ranges: [IDRange]) -> [IDRange] {
        ranges.filter { $0.inside < count }.sorted { $0.inside < $1.inside }.map {
            IDRange(inside: $0.inside, outside: $0.inside, count: min($0.count, count - $0.inside))
        }
    }
}

/// The ids that a user may give away in user namespaces: subuid(5) and subgid(5).
struct SubordinateIDs {
    static let users: FilePath = "/etc/subuid"
    static let groups: FilePath = "/etc/subgid"
    /// 0 to 65535: the ids of distributions' own accounts, including `nobody` (65534).
    static let needed: UInt64 = 65536

    /// First and count of each range, in the file's order.
    var ranges: [(first: UInt64, count: UInt64)]

    /// - Parameters:
    ///   - text: the file's lines, `name-or-number:first:count`.
    ///   - user: the user's name.
    ///   - number: the user's id.
    init(_ text: String, user: String, number: UInt32) {
        ranges = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, fields[0] == user || fields[0] == "\(number)", let first = UInt64(fields[1]),
                let count = UInt64(fields[2]), count > 0
            else { return nil }
            return (first, count)
        }
    }

    /// The first id after all that the file has; at least 100000, where distributions begin.
    static func firstFree(in text: String) -> UInt64 {
        let ends = text.split(separator: "\n").compactMap { line -> UInt64? in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, let first = UInt64(fields[1]), let count = UInt64(fields[2]) else { return nil }
            let (end, overflows) = first.addingReportingOverflow(count)
            return overflows ? nil : end
        }
        return max(100_000, ends.max() ?? 0)
    }

    /// The map of a namespace in which `own` is root, followed by as many subordinate ids as are needed.
    func map(own: UInt32) -> [IDRange] {
        var map = [IDRange(inside: 0, outside: UInt64(own), count: 1)]
        var next: UInt64 = 1
        for range in ranges where next < Self.needed {
            let count = min(range.count, Self.needed - next)
            map.append(IDRange(inside: next, outside: range.first, count: count))
            next += count
        }
        return map
    }
}
