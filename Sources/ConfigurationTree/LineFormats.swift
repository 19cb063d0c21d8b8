// The line-based files of the tree: packages, devices, whitelists and permissions (DESIGN section 1).
import SystemPackage

extension FixedWidthInteger {
    /// A number as it is written in the tree: digits alone. The standard library takes "+5" too.
    init?(digits text: String, radix: Int = 10) {
        guard text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) else { return nil }
        self.init(text, radix: radix)
    }
}

extension FilePath {
    /// Absolute and without `.` and `..`: the form in which paths of a root are compared.
    var isPlainAbsolute: Bool { isAbsolute && lexicallyNormalized() == self }
}

extension ConfigurationReader {
    func packages(_ path: FilePath) -> [PackageRequest] {
        var requests: [PackageRequest] = []
        // By what they name: indices of `requests`.
        var known: [String: [Int]] = [:]
        for line in meaningfulLines(path) {
            let word = line.words.joined(separator: " ")
            guard line.words.count == 1 || mayHaveSpaces(line.words) else {
                report(
                    .error, path, line: line.location.line, "more than one word: \(word)", hint: "one package a line")
                continue
            }
            let kind: PackageRequest.Kind = word.hasPrefix("@") ? .group : word.hasPrefix("-") ? .forbid : .install
            let spec = kind == .install ? word : String(word.dropFirst())
            if spec.isEmpty {
                report(.error, path, line: line.location.line, "'\(word)' names no package")
                continue
            }
            if kind == .forbid, spec.hasPrefix("-") || spec.hasPrefix("@") {
                report(
                    .error, path, line: line.location.line, "'\(word)' forbids nothing", hint: "-name of each package would be right")
                continue
            }
            let others = known[spec, default: []].map { requests[$0] }
            if let earlier = others.first(where: { $0.kind == kind }) {
                report(
                    .warning, path, line: line.location.line,
                    "'\(word)' is already in line \(earlier.location.line ?? 0)")
                continue
            }
            if let opposite = others.first(where: { ($0.kind == .forbid) != (kind == .forbid) }) {
                report(
                    .error, path, line: line.location.line, "'\(spec)' is both wanted and forbidden",
                    hint: "see line \(opposite.location.line ?? 0)")
            }
            known[spec, default: []].append(requests.count)
            requests.append(PackageRequest(kind, spec, at: line.location))
        }
        return requests
    }

    /// Groups have names such as `Minimal Install`, provides have versions, and boolean dependencies are in parentheses.
    private func mayHaveSpaces(_ words: [String]) -> Bool {
        guard let first = words.first, let last = words.last else { return false }
        return first.hasPrefix("@") || first.hasPrefix("(") && last.hasSuffix(")")
            || words.count == 3 && ["<", "<=", "=", ">=", ">"].contains(words[1])
    }

    func devices(_ path: FilePath) -> [Device] {
        var devices: [Device] = []
        for line in meaningfulLines(path) {
            guard let device = device(line) else { continue }
            if let earlier = devices.first(where: { $0.path == device.path }) {
                report(
                    .error, path, line: line.location.line, "\(device.path) a second time",
                    hint: "see line \(earlier.location.line ?? 0)")
                continue
            }
            devices.append(device)
        }
        return devices
    }

    private func device(_ line: ConfigurationLine) -> Device? {
        func fail(_ message: String, _ hint: String) -> Device? {
            report(.error, line.location.file, line: line.location.line, message, hint: hint)
            return nil
        }
        let words = line.words
        guard words.count >= 3 else {
            return fail(
                "not a device: \(words.joined(separator: " "))", "'path type permissions [major minor]' would be right")
        }
        let path = FilePath(words[0])
        guard path.isPlainAbsolute, path.lastComponent != nil else {
            return fail("'\(words[0])' is no device path", "an absolute path without '..' would be right")
        }
        guard let permissions = UInt16(digits: words[2], radix: 8), permissions <= 0o7777 else {
            return fail("'\(words[2])' are no permissions", "an octal number from 0 to 7777 would be right")
        }
        switch words[1] {
        case "p":
            guard words.count == 3 else {
                return fail("a FIFO has no major and minor", "'\(words[0]) p \(words[2])' would be right")
            }
            return Device(path: path, kind: .fifo, permissions: permissions, location: line.location)
        case "b", "c":
            guard words.count == 5 else {
                return fail(
                    "major and minor are needed", "'\(words[0]) \(words[1]) \(words[2]) MAJOR MINOR' would be right")
            }
            // Twelve and twenty bits: MINORBITS of the kernel's include/linux/kdev_t.h.
            guard let major = UInt32(digits: words[3]), major < 1 << 12 else {
                return fail("'\(words[3])' is no major number", "0 to 4095 would be right")
            }
            guard let minor = UInt32(digits: words[4]), minor < 1 << 20 else {
                return fail("'\(words[4])' is no minor number", "0 to 1048575 would be right")
            }
            let kind: Device.Kind =
                words[1] == "b" ? .block(major: major, minor: minor) : .character(major: major, minor: minor)
            return Device(path: path, kind: kind, permissions: permissions, location: line.location)
        default: return fail("'\(words[1])' is no type of device", "b, c or p would be right")
        }
    }

    func whitelist(_ path: FilePath) -> [FilePath] {
        meaningfulLines(path).compactMap { line in
            let file = FilePath(line.words.joined(separator: " "))
            guard file.isPlainAbsolute else {
                report(
                    .error, path, line: line.location.line,
                    file.isAbsolute ? "'\(file)' has '.' or '..' in it" : "'\(file)' is not absolute",
                    hint: "the path in the machine's root would be right")
                return nil
            }
            return file
        }
    }

    func permissions(_ path: FilePath) -> [OverlayPermission] {
        meaningfulLines(path).compactMap { line in
            let words = line.words
            guard words.count == 4 || words.count == 5, let mode = UInt16(digits: words[3], radix: 8), mode <= 0o7777,
                FilePath(words[0]).isPlainAbsolute
            else {
                report(
                    .error, path, line: line.location.line, "not a permission: \(words.joined(separator: " "))",
                    hint: "'/path owner group mode [capabilities]' would be right")
                return nil
            }
            return OverlayPermission(
                path: FilePath(words[0]), owner: words[1], group: words[2], mode: mode,
                capabilities: words.count == 5 ? words[4] : nil,
                location: line.location)
        }
    }
}
