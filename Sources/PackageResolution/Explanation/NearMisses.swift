import Foundation

/// A few names for a sentence: all of them, or the ten that are most like the wanted name, and the number of the others.
struct FewNames {
    private let names: [String]
    private let left: Int

    /// - Parameter write: how to write a name.
    init(_ all: some Collection<String>, like wanted: String?, write: (String) -> String) {
        let ordered = all.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
        var chosen = Set(ordered)
        if ordered.count > Self.most + 1 {
            let near = wanted.map { NearMisses.of($0, among: ordered, limit: Self.most) } ?? []
            chosen = Set((near + ordered.filter { !near.contains($0) }).prefix(Self.most))
        }
        names = ordered.filter(chosen.contains).map(write)
        left = ordered.count - names.count
    }

    private static let most = 10

    var isEmpty: Bool { names.isEmpty }

    /// `a, b and 7 more`.
    var list: String { (names + (left > 0 ? ["\(left) more"] : [])).list }

    /// `a, b or one of 7 more`.
    var alternatives: String { (names + (left > 0 ? ["one of \(left) more"] : [])).alternatives }
}

/// Finds names that a misspelt one may stand for.
enum NearMisses {
    /// Names prepared for many comparisons.
    struct Names {
        fileprivate let all: [(name: String, bytes: [UInt8])]

        init(_ names: some Sequence<String>) { all = names.map { ($0, Array($0.lowercased().utf8)) } }
    }

    /// At most `limit` of `names`, the most similar first: names that differ from `wanted` by a typo or two, then names that contain it or
    /// are contained in it.
    static func of(_ wanted: String, among names: some Sequence<String>, limit: Int = 3) -> [String] {
        of(wanted, among: Names(names), limit: limit)
    }

    static func of(_ wanted: String, among names: Names, limit: Int = 3) -> [String] {
        let target = Array(wanted.lowercased().utf8)
        let tolerance = target.count <= 4 ? 1 : target.count <= 8 ? 2 : 3
        var found: [(rank: Int, name: String)] = []
        for (name, candidate) in names.all where name != wanted {
            if let distance = distance(target, candidate, atMost: tolerance) {
                found.append((distance, name))
            } else if target.count > 2, contains(candidate, target) {
                let isBeginning = candidate.starts(with: target)
                found.append((tolerance + candidate.count - target.count + (isBeginning ? 0 : 2), name))
            } else if candidate.count > 3, candidate.count * 2 >= target.count, contains(target, candidate) {
                found.append((tolerance + target.count - candidate.count, name))
            }
        }
        return found.sorted { ($0.rank, $0.name.count, $0.name) < ($1.rank, $1.name.count, $1.name) }
            .prefix(limit).map(\.name)
    }

    /// How many bytes have to be inserted, removed, changed or swapped with their neighbours (optimal string alignment); `nil` when they are
    /// more than `limit`.
    static func distance(_ left: [UInt8], _ right: [UInt8], atMost limit: Int) -> Int? {
        guard abs(left.count - right.count) <= limit else { return nil }
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for (column, other) in right.enumerated() {
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            if current.allSatisfy({ $0 > limit }) { return nil }
            (beforeLast, last) = (last, current)
        }
        return last[right.count] <= limit ? last[right.count] : nil
    }

    /// Whether a word of the text begins with the part: `less` is in `less-doc`, but does not count as a part of `headless`.
    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        guard part.count <= text.count else { return false }
        return (0...(text.count - part.count)).contains { start in
            text[start..<(start + part.count)].elementsEqual(part)
                && (start == 0 || !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains(text[start - 1]))
        }
    }
}
