// The values that options of yum.conf(5) and dnf.conf(5) take, read as libdnf reads them.
import ConfigurationTree

extension INIFile.Option {
    /// The same with its variables expanded.
    func expanded(by substitution: inout Substitution, _ diagnostics: inout [Diagnostic]) -> Self {
        var option = self
        option.value = substitution.value(of: self, &diagnostics)
        return option
    }

    func read(into value: inout Bool, _ diagnostics: inout [Diagnostic]) {
        switch self.value.lowercased() {
        case "1", "yes", "true", "on": value = true
        case "0", "no", "false", "off": value = false
        default: wrong("truth value", "1 or 0", &diagnostics)
        }
    }

    func read(into value: inout Int, atLeast least: Int = 0, _ diagnostics: inout [Diagnostic]) {
        guard let number = Int(self.value.numeral), number >= least else {
            return wrong("number", "a whole number of at least \(least)", &diagnostics)
        }
        value = number
    }

    /// Any number of 32 bits, such as a priority.
    func readSigned(into value: inout Int, _ diagnostics: inout [Diagnostic]) {
        guard let number = Int32(self.value.numeral) else {
            return wrong("number", "a whole number from \(Int32.min) to \(Int32.max)", &diagnostics)
        }
        value = Int(number)
    }

    /// Adds the items to a list. An empty value, or a comma before the first item, empties the list before that (dnf.conf(5): `excludepkgs`,
    /// `includepkgs`, `exclude_from_weak`, `installonlypkgs`, `tsflags` and others).
    func append(to list: inout [String]) {
        if emptiesList { list = [] }
        list += value.listItems
    }

    private var emptiesList: Bool { value.trimmed.isEmpty || value.trimmed.hasPrefix(",") }

    /// `1000`, `64k`, `1.5M`, `2G`.
    func readBytes(into value: inout Int, _ diagnostics: inout [Diagnostic]) {
        guard let bytes = Self.amount(self.value, units: Self.binaryUnits) else {
            return wrong("number of bytes", "a number such as 64k, 10M or 1G", &diagnostics)
        }
        value = Int(bytes)
    }

    /// A number of bytes or, up to 1 or with `%`, a fraction.
    func readRate(into value: inout Double, _ diagnostics: inout [Diagnostic]) {
        if self.value.hasSuffix("%"), let percent = Double(self.value.dropLast().trimmed), (0...100).contains(percent) {
            value = percent / 100
        } else if let bytes = Self.amount(self.value, units: Self.binaryUnits) {
            value = bytes
        } else {
            wrong("rate", "a rate such as 500k, or 40% of the bandwidth", &diagnostics)
        }
    }

    /// `90`, `90s`, `5m`, `6h`, `2d`; `never` and `-1` are `nil` where `never` is allowed.
    func readSeconds(into value: inout Int?, _ diagnostics: inout [Diagnostic]) {
        if self.value == "-1" || self.value.lowercased() == "never" {
            value = nil
        } else if let seconds = Self.amount(self.value, units: ["s": 1, "m": 60, "h": 3600, "d": 86400]) {
            value = Int(seconds)
        } else {
            wrong("time", "a time such as 90, 5m, 6h, 2d or never", &diagnostics)
        }
    }

    func wrong(_ kind: String, _ expected: String, _ diagnostics: inout [Diagnostic]) {
        diagnostics.append(
            Diagnostic(
                .error, at: location, "invalid \(kind) '\(writtenValue.printable())' of \(name)", hint: "expected \(expected)"))
    }

    private static let binaryUnits: [Character: Double] = ["k": 1024, "m": 1_048_576, "g": 1_073_741_824]

    private static func amount(_ text: String, units: [Character: Double]) -> Double? {
        var number = text.numeral
        var factor = 1.0
        if let unit = number.last.flatMap({ units[Character($0.lowercased())] }) {
            factor = unit
            number = number.dropLast()
        }
        // Double also accepts inf, nan, 0x10 and 1e3, which are not amounts.
        guard !number.isEmpty, number.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }), let amount = Double(number),
            amount * factor < Double(Int32.max) * 1024
        else { return nil }
        return amount * factor
    }
}

extension String {
    /// Without white space at the beginning, line breaks included: libdnf's conversions of numbers skip it (stod(3)), but its conversions of
    /// words such as `never` and of truth values do not.
    fileprivate var numeral: Substring { drop(while: \.isWhitespace) }

    /// dnf's lists: separated by white space, line breaks or commas.
    var listItems: [String] { split { $0.isWhitespace || $0 == "," }.map(String.init) }
}
