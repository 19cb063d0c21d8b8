// One line of sysusers.d(5), as systemd-sysusers reads it (parse_line, src/sysusers/sysusers.c). What a line asks for is in these values; whether it can be done
// is decided by `AccountAllocation`.
import HostSystem
import SystemPackage

/// A user or a group that a line asks for.
struct AccountRequest: Equatable {
    enum Kind: String {
        case user, group
    }

    var kind: Kind
    var name: String
    /// For a user; `nil` leaves the choice to systemd.
    var userNumber: UInt32?
    var groupNumber: UInt32?
    /// Whether the primary group of a user must exist, as for `UID:GID` and `UID:GROUP`.
    var needsGroup = false
    /// The primary group of a user, where the line has its name.
    var groupName: String?
    /// The number is that of this file's owner, or for a group of its group.
    var path: FilePath?
    var comment = ""
    var home: String?
    var shell: String?
    /// `u!`: the account is expired too (systemd 257).
    var isLocked = false
}

enum SysusersLine {
    case account(AccountRequest)
    case member(user: String, group: String)
    case range(ClosedRange<UInt32>)

    struct Malformed: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// - Parameters:
    ///   - line: neither empty nor a comment.
    ///   - specifiers: what `%` and a letter stand for.
    /// - Throws: `Malformed`.
    init(_ line: String, specifiers: SysusersSpecifiers) throws {
        let words = try Self.words(of: line)
        guard words.count >= 2 else { throw Malformed("the second field, a name, is missing") }
        guard words.count <= 6 else { throw Malformed("'\(words[6])' follows the last field; expected six fields at most") }
        func field(_ index: Int) throws -> String? {
            guard words.indices.contains(index), !words[index].isEmpty, words[index] != "-" else { return nil }
            return try specifiers.expand(words[index])
        }
        let type = words[0]
        guard ["u", "u!", "g", "m", "r"].contains(type) else { throw Malformed("unknown type '\(type)'; expected u, u!, g, m or r") }
        let (name, id) = (try field(1), try field(2))
        let (comment, home, shell) = (try field(3), try field(4).map(Self.simplified), try field(5).map(Self.simplified))
        if let name, !AccountName.isValid(name) { throw Malformed("'\(name)' is not a valid user or group name") }
        if let comment, !Self.isPlain(comment) { throw Malformed("'\(comment)' is not a valid GECOS field") }
        if let home, !Self.isValidPath(home) { throw Malformed("'\(home)' is not a valid home directory") }
        if let shell, !Self.isValidPath(shell) { throw Malformed("'\(shell)' is not a valid shell") }
        guard type.hasPrefix("u") || comment == nil && home == nil && shell == nil else {
            throw Malformed("a line of type '\(type)' has three fields at most")
        }
        if type == "r" {
            guard name == nil else { throw Malformed("a line of type 'r' has '-' as its name") }
            guard let id, let range = Self.range(id) else { throw Malformed("'\(id ?? "-")' is not a range of ids") }
            self = .range(range)
            return
        }
        guard let name else { throw Malformed("a line of type '\(type)' needs a name in its second field") }
        switch type {
        case "m":
            guard let id, AccountName.isValid(id) else { throw Malformed("'\(id ?? "-")' is not a valid group name") }
            self = .member(user: name, group: id)
        case "g":
            var request = AccountRequest(kind: .group, name: name)
            if let id, id.hasPrefix("/") {
                request.path = FilePath(Self.simplified(id))
            } else if let id {
                request.groupNumber = try Self.number(id, "group")
            }
            self = .account(request)
        default:
            var request = AccountRequest(kind: .user, name: name, comment: comment ?? "", home: home, shell: shell, isLocked: type == "u!")
            if let id { try Self.read(id, into: &request) }
            self = .account(request)
        }
    }

    /// Reads a user's third field: `UID`, `UID:GID`, `UID:GROUP` or a path.
    private static func read(_ id: String, into request: inout AccountRequest) throws {
        guard !id.hasPrefix("/") else { return request.path = FilePath(simplified(id)) }
        let parts = id.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 {
            if let number = AccountNumber.parse(parts[1]) {
                request.groupNumber = number
                request.needsGroup = true
            } else if AccountName.isValid(parts[1]) {
                request.groupName = parts[1]
            } else {
                throw Malformed("'\(parts[1])' is not a group id or name")
            }
        }
        if parts[0] != "-" { request.userNumber = try number(parts[0], "user") }
    }

    private static func number(_ text: String, _ kind: String) throws -> UInt32 {
        guard let number = AccountNumber.parse(text) else {
            throw Malformed("'\(text)' is not a \(kind) id; expected 0 to 4294967294, except 65535, in decimal digits")
        }
        return number
    }

    private static func range(_ text: String) -> ClosedRange<UInt32>? {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { AccountNumber.parse(String($0)) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else { return nil }
        return first...last
    }

    /// The fields, without quotes (extract_first_word, src/basic/extract-word.c, with EXTRACT_UNQUOTE): a backslash takes the special meaning from the next
    /// character, in single quotes too.
    ///
    /// - Throws: `Malformed` for a quote that does not end.
    static func words(of line: String) throws -> [String] {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var quote: Unicode.Scalar?
        var isEscaped = false
        for scalar in line.unicodeScalars {
            if isEscaped {
                word?.append(scalar)
                isEscaped = false
            } else if quote == nil, " \t\n\r".unicodeScalars.contains(scalar) {
                if let ended = word { words.append(String(ended)) }
                word = nil
            } else {
                if word == nil { word = String.UnicodeScalarView() }
                if scalar == "\\" {
                    isEscaped = true
                } else if scalar == quote {
                    quote = nil
                } else if quote == nil, scalar == "\"" || scalar == "'" {
                    quote = scalar
                } else {
                    word?.append(scalar)
                }
            }
        }
        guard quote == nil else { throw Malformed("a quote does not end") }
        guard !isEscaped else { throw Malformed("a character is missing after the last backslash") }
        if let ended = word { words.append(String(ended)) }
        return words
    }

    /// Without repeated and trailing slashes and `.` (path_simplify, src/basic/path-util.c). `..` stays, and is invalid later.
    private static func simplified(_ path: String) -> String {
        let names = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        return path.hasPrefix("/") ? "/" + names : names.isEmpty ? "." : names
    }

    /// Whether a field of passwd(5) can have the text.
    private static func isPlain(_ text: String) -> Bool { !text.unicodeScalars.contains { $0.value < 32 || $0.value == 127 || $0 == ":" } }

    /// PATH_MAX of limits.h, which counts the ending NUL.
    private static let pathLimit = 4096

    private static func isValidPath(_ path: String) -> Bool {
        path.hasPrefix("/") && path.utf8.count < pathLimit && isPlain(path) && !path.split(separator: "/").contains("..")
    }
}

enum AccountNumber {
    /// A user or group id as systemd takes it (parse_uid, src/basic/user-util.c): without sign and leading zeros, and neither 65535 nor 4294967295, which stand
    /// for "none" in 16 and 32 bits.
    static func parse(_ text: String) -> UInt32? {
        guard text == "0" || !text.hasPrefix("0"), let number = AccountNumbers.number(text), number != 65535 else { return nil }
        return number
    }
}

enum AccountName {
    /// utmp(5) has room for this many bytes (UT_NAMESIZE, less one).
    private static let longest = 31

    /// The strict rules of https://systemd.io/USER_NAMES (valid_user_group_name, src/basic/user-util.c).
    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= longest else { return false }
        func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || byte == UInt8(ascii: "_") }
        func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
        return isLetter(first) && name.utf8.dropFirst().allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
    }
}
