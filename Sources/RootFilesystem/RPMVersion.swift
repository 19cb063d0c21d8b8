/// A version, ordered as rpm does. The target does not link librpm, so that the command line need not either.
///
/// The rules are those of `rpmvercmp()` in rpm's lib/rpmvercmp.c (4.18), documented in rpm-version(7): sequences of digits compare as numbers, sequences of
/// letters as text, and a number is newer than letters. `~` sorts before everything, even the end of the text; `^` sorts after the end and before
/// everything else.
public struct RPMVersion: Comparable {
    private let bytes: [UInt8]

    public init(_ text: String) { bytes = Array(text.utf8) }

    public static func == (left: RPMVersion, right: RPMVersion) -> Bool { left.compare(right) == 0 }

    public static func < (left: RPMVersion, right: RPMVersion) -> Bool { left.compare(right) < 0 }

    private static let (tilde, caret) = (UInt8(ascii: "~"), UInt8(ascii: "^"))

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 }

    /// Negative: older; positive: newer.
    private func compare(_ other: RPMVersion) -> Int {
        var (left, right) = (bytes[...], other.bytes[...])
        while !left.isEmpty || !right.isEmpty {
            let isSeparator = { (byte: UInt8) in
                !Self.isDigit(byte) && !Self.isLetter(byte) && byte != Self.tilde && byte != Self.caret
            }
            left = left.drop(while: isSeparator)
            right = right.drop(while: isSeparator)
            if left.first == Self.tilde || right.first == Self.tilde {
                if left.first != Self.tilde { return 1 }
                if right.first != Self.tilde { return -1 }
                left.removeFirst()
                right.removeFirst()
                continue
            }
            if left.first == Self.caret || right.first == Self.caret {
                guard let first = left.first else { return -1 }
                guard let second = right.first else { return 1 }
                if first != Self.caret { return 1 }
                if second != Self.caret { return -1 }
                left.removeFirst()
                right.removeFirst()
                continue
            }
            guard let first = left.first, right.first != nil else { break }
            let isNumber = Self.isDigit(first)
            let belongs = isNumber ? Self.isDigit : Self.isLetter
            var (one, two) = (left.prefix(while: belongs), right.prefix(while: belongs))
            left = left.dropFirst(one.count)
            right = right.dropFirst(two.count)
            if two.isEmpty { return isNumber ? 1 : -1 }
            if isNumber {
                one = one.drop { $0 == UInt8(ascii: "0") }
                two = two.drop { $0 == UInt8(ascii: "0") }
                if one.count != two.count { return one.count < two.count ? -1 : 1 }
            }
            if one.lexicographicallyPrecedes(two) { return -1 }
            if two.lexicographicallyPrecedes(one) { return 1 }
        }
        return left.isEmpty ? (right.isEmpty ? 0 : -1) : 1
    }
}
