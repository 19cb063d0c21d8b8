/// One argument of a kernel's command line, as the kernel's next_arg (lib/cmdline.c) reads it: blanks end an argument unless they are in double quotes, and
/// quotes around the whole argument or around its value do not belong to it.
public struct KernelArgument: Hashable, Sendable {
    /// Without the quotes around the argument or its value.
    public var text: String

    /// Why a text is not a part of a kernel's command line.
    public struct Error: Swift.Error, Hashable {
        public var message: String
        public var hint: String
    }

    /// COMMAND_LINE_SIZE of the kernel's arch/x86/include/asm/setup.h, without the NUL at the end.
    public static let longestCommandLine = 2047

    /// The arguments of an entry of `kernelArguments`, which is usually one.
    ///
    /// - Throws: `Error` for what no kernel takes.
    public static func arguments(in text: String) throws(Error) -> [KernelArgument] {
        if let bad = text.unicodeScalars.first(where: { $0.properties.generalCategory == .control }) {
            throw Error(
                message: "a kernel argument contains \(bad.escaped(asASCII: true))",
                hint: "the kernel's command line is one line of printable characters")
        }
        var words: [[UInt8]] = []
        var word: [UInt8]?
        var isQuoted = false
        for byte in text.utf8 {
            if byte == UInt8(ascii: " "), !isQuoted {
                word.map { words.append($0) }
                word = nil
                continue
            }
            if byte == quote { isQuoted.toggle() }
            word = (word ?? []) + [byte]
        }
        word.map { words.append($0) }
        guard !isQuoted else {
            throw Error(
                message: "a double quote of the kernel argument '\(text)' is not closed",
                hint: "a value with spaces has quotes on both sides, such as 'name=\"a b\"'")
        }
        guard !words.isEmpty else { throw Error(message: "an empty kernel argument", hint: "remove the entry") }
        let arguments = words.map { KernelArgument(text: String(decoding: unquoted($0), as: UTF8.self)) }
        guard !arguments.contains(where: { $0.text == "--" }) else {
            throw Error(
                message: "the kernel argument '--' ends the kernel's own arguments; it would give the others to init",
                hint: "write what init needs into its configuration")
        }
        return arguments
    }

    private static let quote = UInt8(ascii: "\"")

    private static func unquoted(_ word: [UInt8]) -> [UInt8] {
        // As in next_arg, an opening quote at either place takes the closing one at the end with it.
        if word.first == quote { return word.count > 1 && word.last == quote ? Array(word.dropFirst().dropLast()) : Array(word.dropFirst()) }
        guard let equals = word.firstIndex(of: UInt8(ascii: "=")), equals > 0, equals + 1 < word.count, word[equals + 1] == quote else { return word }
        let value = word[(equals + 2)...]
        return Array(word[...equals] + (value.last == quote ? value.dropLast() : value))
    }

    /// Whether GRUB passes another text to the kernel: it writes a backslash before quotes and backslashes (grub_create_loader_cmdline of
    /// grub-core/lib/cmdline.c), except in `\x20` and the like. The kernel itself does not remove it; systemd and dracut do, as a shell would.
    public var isChangedByGRUB: Bool {
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case Self.quote, UInt8(ascii: "'"): return true
            case UInt8(ascii: "\\"):
                let isHexadecimal =
                    rest.first == UInt8(ascii: "x") && rest.count > 2
                    && rest.dropFirst().prefix(2).allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
                guard isHexadecimal else { return true }
                rest = rest.dropFirst(3)
            default: break
            }
        }
        return false
    }
}
