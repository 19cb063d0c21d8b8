public import SystemPackage

/// The numbers in a machine's own passwd(5) or group(5), by name. Both files have the name first and the number third.
public struct AccountNumbers: Sendable {
    private var numbers: [String: UInt32] = [:]

    /// - Parameter text: the file's content. The first line of a name counts, as for getpwnam(3); lines without a number are skipped.
    public init(_ text: String) {
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count > 2, let number = Self.number(fields[2]), numbers[String(fields[0])] == nil else { continue }
            numbers[String(fields[0])] = number
        }
    }

    /// Of a file; a file that cannot be read has no names.
    public init(file: FilePath) {
        // Comments of accounts (gecos) are not always UTF-8.
        self.init(String(decoding: (try? readBytes(file)) ?? [], as: UTF8.self))
    }

    /// `nil` when the file does not have the name.
    public subscript(name: String) -> UInt32? { numbers[name] }

    /// A user or group number in decimal digits; `nil` for everything else, also for 4294967295, which chown(2) takes for "unchanged".
    public static func number(_ text: some StringProtocol) -> UInt32? {
        guard !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let number = UInt32(text), number != .max
        else { return nil }
        return number
    }
}
