import OpenPGP
import Synchronization

/// What gpgv says with --status-fd (doc/DETAILS of GnuPG): a machine's language, in which names are escaped.
final class StatusLines: Sendable {
    /// The verdict on one signature.
    struct Signature {
        var word: String
        /// The issuer's key id in 16 hexadecimal digits.
        var key: String
        var rest: [String]

        var isGood: Bool { word == "GOODSIG" }

        var reason: String {
            switch word {
            case "BADSIG": return "its signature by the key \(key) is wrong; it was changed after it was signed"
            case "EXPKEYSIG":
                return "it is signed with the key \(key), which has expired; expected a newer copy of the key (gpgkey) or a signature by a valid key"
            case "REVKEYSIG": return "it is signed with the key \(key), which was revoked; expected a signature by a valid key"
            case "EXPSIG": return "its signature by the key \(key) has expired; expected a newer one"
            default:
                // ERRSIG key, algorithm, digest, class, time, reason.
                guard rest.count > 4, rest[4] != "9" else {
                    return "it is signed with the key \(key); expected one of those that gpgkey names"
                }
                let algorithm = UInt8(rest[0]).map(OpenPGPAlgorithm.name) ?? rest[0]
                return "it is signed with \(algorithm) by the key \(key), in a way that gpgv of the build host cannot check"
            }
        }
    }

    private static let verdicts: Set = ["GOODSIG", "BADSIG", "EXPKEYSIG", "REVKEYSIG", "EXPSIG", "ERRSIG"]

    private let text = Mutex("")

    func add(_ text: String) { self.text.withLock { $0 += text } }

    private var lines: [[String]] {
        text.withLock { $0.split(separator: "\n") }.map { $0.split(separator: " ").map(String.init) }.filter { $0.first == "[GNUPG:]" }
    }

    var signatures: [Signature] {
        lines.filter { $0.count > 2 && Self.verdicts.contains($0[1]) }.map { Signature(word: $0[1], key: $0[2], rest: Array($0.dropFirst(3))) }
    }

    var hasNoData: Bool { lines.contains { $0.count > 1 && $0[1] == "NODATA" } }
}
