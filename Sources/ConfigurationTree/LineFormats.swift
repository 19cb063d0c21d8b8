// The line-based files of the tree: packages, devices, whitelists and permissions (DESIGN section 1).
import SystemPackage

extension FixedWidthInteger {
    /// A number as the tree has it: digits alone. The standard library accepts "+5" too.
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
        // Indices of `requests`, by spec.
        var known: [String: [Int]] = [:]
        for line in meaningfulLines(path) {
            let word = line.words.joined(separator: " ")
            guard line.words.count == 1 || mayHaveSpaces(word, line.words) else {
                report(
                    .error, path, line: line.location.line, "more than one word: \(word)", hint: "expected one package a line")
                continue
            }
            let kind: PackageRequest.Kind = word.hasPrefix("@") ? .group : word.hasPrefix("-") ? .forbid : .install
            let spec = kind == .install ? word : String(word.dropFirst())
            if spec.isEmpty {
                report(.error, path, line: line.location.line, "'\(word)' does not name a package")
                continue
            }
            if kind == .forbid, spec.hasPrefix("-") || spec.hasPrefix("@") {
                report(
                    .error, path, line: line.location.line, "'\(word)' forbids nothing", hint: "expected -name of one package")
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
    private func mayHaveSpaces(_ line: String, _ words: [String]) -> Bool {
        guard let first = words.first, let last = words.last else { return false }
        return first.hasPrefix("@") || first.hasPrefix("(") && last.hasSuffix(")") || VersionedName(line) != nil
    }

    func devices(_ path: FilePath) -> [Device] {
        var devices: [Device] = []
        for line in meaningfulLines(path) {
            guard let device = device(line) else { continue }
            if let earlier = devices.first(where: { $0.path == device.path }) {
                report(
                    .error, path, line: line.location.line, "\(device.path) is there twice",
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
                "not a device: \(words.joined(separator: " "))", "expected 'path type permissions [major minor]'")
        }
        let path = FilePath(words[0])
        guard path.isPlainAbsolute, path.lastComponent != nil else {
            return fail("invalid device path '\(words[0])'", "expected an absolute path without '..'")
        }
        guard let permissions = UInt16(digits: words[2], radix: 8), permissions <= 0o7777 else {
            return fail("invalid permissions '\(words[2])'", "expected an octal number from 0 to 7777")
        }
        switch words[1] {
        case "p":
            guard words.count == 3 else {
                return fail("a FIFO does not have major and minor numbers", "expected '\(words[0]) p \(words[2])'")
            }
            return Device(path: path, kind: .fifo, permissions: permissions, location: line.location)
        case "b", "c":
            guard words.count == 5 else {
                return fail(
                    "major and minor numbers are missing", "expected '\(words[0]) \(words[1]) \(words[2]) MAJOR MINOR'")
            }
            // Twelve and twenty bits: MINORBITS of the kernel's include/linux/kdev_t.h.
            guard let major = UInt32(digits: words[3]), major < 1 << 12 else {
                return fail("invalid major number '\(words[3])'", "expected 0 to 4095")
            }
            guard let minor = UInt32(digits: words[4]), minor < 1 << 20 else {
                return fail("invalid minor number '\(words[4])'", "expected 0 to 1048575")
            }
            let kind: Device.Kind =
                words[1] == "b" ? .block(major: major, minor: minor) : .character(major: major, minor: minor)
            return Device(path: path, kind: kind, permissions: permissions, location: line.location)
        default: return fail("invalid device type '\(words[1])'", "expected b, c or p")
        }
    }

    func whitelist(_ path: FilePath) -> [FilePath] {
        meaningfulLines(path).compactMap { line in
            let file = FilePath(line.words.joined(separator: " "))
            guard file.isPlainAbsolute else {
                report(
                    .error, path, line: line.location.line,
                    file.isAbsolute ? "'\(file)' contains '.' or '..'" : "'\(file)' is not absolute",
                    hint: "expected a path in the machine's root")
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
                    hint: "expected '/path owner group mode [capabilities]'")
                return nil
            }
            return OverlayPermission(
                path: FilePath(words[0]), owner: words[1], group: words[2], mode: mode,
                capabilities: words.count == 5 ? words[4] : nil,
                location: line.location)
        }
    }
}
