// The text of packages.lock: one line for each input and each package, sorted within each kind, with fields divided by single spaces. White
// space and % in a field are %-encoded.
import BuildStore
public import ConfigurationTree
import Foundation
public import SystemPackage

extension PackageLock {
    /// The content of the lock file.
    public var text: String {
        var lines = [Self.header, Self.line(["architecture", inputs.architecture])]
        lines += inputs.asked.map { Self.line(["packages", $0]) }
        lines += inputs.repositories.map { Self.line(["repository", $0]) }
        lines += inputs.options.map { Self.line(["option", $0.section, $0.name, $0.value]) }
        lines += packages.map { package in
            Self.line([
                "package",
                "\(package.name)-\(package.epoch):\(package.version)-\(package.release).\(package.architecture)",
                package.repository, package.location, "\(package.downloadSize.bytes)",
                "\(package.installedSize.bytes)", package.checksum?.description ?? "-", package.reason.rawValue,
            ])
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Reads a lock file's text; everything that is wrong with it is added to `diagnostics`, and the result is then `nil`.
    public init?(text: String, file: FilePath, diagnostics: inout [Diagnostic]) {
        var inputs = LockedInputs(architecture: "", asked: [], options: [], repositories: [])
        var packages: [TransactionPackage] = []
        var found: [Diagnostic] = []
        func add(_ line: Int, _ message: String) {
            found.append(
                Diagnostic(
                    .error, at: SourceLocation(file: file, line: line), message,
                    hint: "'discographer lock' writes a new one"))
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if text.contains("\r\n") {
            // Git makes such files where core.autocrlf is set.
            add(1, "lines end with CR LF; expected LF (.gitattributes: 'packages.lock -text')")
        } else if lines.first.map(String.init) != Self.header {
            add(1, "not a lock file of this version; expected '\(Self.header)' as the first line")
        }
        for (index, line) in lines.enumerated().dropFirst() where found.first?.location.line != 1 && !line.isEmpty {
            let fields = line.split(separator: " ", omittingEmptySubsequences: false).map {
                $0.removingPercentEncoding ?? String($0)
            }
            switch (fields[0], fields.count) {
            case ("architecture", 2): inputs.architecture = fields[1]
            case ("packages", 2): inputs.asked.append(fields[1])
            case ("repository", 2): inputs.repositories.append(fields[1])
            case ("option", 4): inputs.options.append(.init(section: fields[1], name: fields[2], value: fields[3]))
            case ("package", 8):
                guard let package = Self.package(Array(fields.dropFirst())) else {
                    add(index + 1, "not a locked package: \(line)")
                    continue
                }
                if let reason = package.invalidReason { add(index + 1, "\(package.nevra): \(reason)") }
                if packages.contains(where: { $0.nevra == package.nevra }) {
                    add(index + 1, "\(package.nevra) is locked twice")
                }
                packages.append(package)
            default: add(index + 1, "not a line of a lock file: \(line)")
            }
        }
        if found.isEmpty, inputs.architecture.isEmpty { add(2, "the line 'architecture' is missing") }
        diagnostics += found
        guard found.isEmpty else { return nil }
        self.init(inputs: inputs, packages: packages)
    }

    private static func line(_ fields: [String]) -> String {
        fields.map { $0.addingPercentEncoding(withAllowedCharacters: plain) ?? $0 }.joined(separator: " ")
    }

    private static let plain = CharacterSet(charactersIn: "!"..."~").subtracting(CharacterSet(charactersIn: "%"))

    private static func checksum(_ text: String) -> Checksum? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let algorithm = Checksum.Algorithm(rawValue: String(parts[0])),
            parts[1].allSatisfy(\.isHexDigit)
        else { return nil }
        return Checksum(algorithm, String(parts[1]))
    }

    private static func package(_ fields: [String]) -> TransactionPackage? {
        // Without a checksum the content of a package would not be locked.
        guard fields.count == 7, let dot = fields[0].lastIndex(of: "."),
            let download = UInt64(fields[3]), let installed = UInt64(fields[4]), let checksum = checksum(fields[5]),
            let reason = TransactionPackage.Reason(rawValue: fields[6])
        else { return nil }
        let parts = fields[0][..<dot].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 3, let release = parts.last else { return nil }
        let version = parts[parts.count - 2]
        guard let colon = version.firstIndex(of: ":"), let epoch = Int(version[..<colon]) else { return nil }
        return TransactionPackage(
            name: parts.dropLast(2).joined(separator: "-"), epoch: epoch,
            version: String(version[version.index(after: colon)...]), release: String(release),
            architecture: String(fields[0][fields[0].index(after: dot)...]), repository: fields[1],
            location: fields[2], downloadSize: ByteCount(download), installedSize: ByteCount(installed),
            checksum: checksum, reason: reason)
    }
}
