// The numbers that systemd-sysusers chooses from. Users and groups have one pool, so that a user and its group get the same number.
import HostSystem
import SystemPackage

struct IdentityRange: Equatable {
    /// In order, without gaps of zero between two (uid_range_coalesce, src/basic/uid-range.c).
    private(set) var ranges: [ClosedRange<UInt32>] = []

    /// systemd's `SYSTEM_UID_MAX`, as Enterprise Linux, Fedora and Debian build it (meson_options.txt, system-uid-max).
    private static let last: UInt32 = 999

    mutating func insert(_ range: ClosedRange<UInt32>) {
        var merged: [ClosedRange<UInt32>] = []
        for next in (ranges + [range]).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, last.upperBound == .max || next.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, next.upperBound)
            } else {
                merged.append(next)
            }
        }
        ranges = merged
    }

    func contains(_ number: UInt32) -> Bool { ranges.contains { $0.contains(number) } }

    /// The highest number of the pool below `number` (uid_range_next_lower).
    func next(below number: UInt32) -> UInt32? {
        guard number > 0 else { return nil }
        return ranges.filter { $0.lowerBound < number }.map { min($0.upperBound, number - 1) }.max()
    }

    /// The pool where no `r` line says another: that of the root's login.defs(5), but never above systemd's own limit (read_login_defs and run,
    /// src/sysusers/sysusers.c). Systemd reads login.defs only if it is built with `compat-mutable-uid-boundaries`, as on Fedora, Enterprise Linux and openSUSE.
    static func ofSystem(in root: FilePath) -> IdentityRange {
        var limits: [Substring: UInt32] = ["SYS_UID_MIN": 1, "SYS_UID_MAX": last, "SYS_GID_MAX": last]
        let text = (try? readFile("/etc/login.defs", inRoot: root)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(maxSplits: 1) { $0 == " " || $0 == "\t" }
            guard words.count == 2, line.first == words[0].first, limits[words[0]] != nil, let number = AccountNumber.parse(String(words[1])) else {
                continue
            }
            limits[words[0]] = max(number, 1)
        }
        var (first, highest) = (limits["SYS_UID_MIN"] ?? 1, limits["SYS_UID_MAX"] ?? last)
        if first > highest { first = min(highest - 1, 1) }
        highest = min(last, highest, limits["SYS_GID_MAX"] ?? last)
        var range = IdentityRange()
        if first < highest { range.insert(first...highest) }
        return range
    }
}
