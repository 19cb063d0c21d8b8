import ArgumentParser
import ConfigurationTree
import Foundation
import HostSystem
import SystemPackage

/// /etc/discographer/configuration and ~/.discographer: bash that may set the four path variables, and limits of builds.
struct SettingsFiles {
    private static let names = ["configPath", "cachePath", "functionsPath", "pathsPath", "jobs", "memoryLimit", "diskLimit", "cacheLimit"]

    private let values: [String: String]
    private let files: [String]
    /// The last assignment of each name in the files.
    private let places: [String: String]

    /// - Throws: `ExitCode` when bash fails, after printing why.
    static func read() async throws -> SettingsFiles {
        let home = ProcessInfo.processInfo.environment["HOME"] ?? "/root"
        let files = try ["/etc/discographer/configuration", "\(home)/.discographer"].filter(isThere)
        guard !files.isEmpty else { return SettingsFiles(values: [:], files: [], places: [:]) }
        // What the files print is for people, and no part of a value.
        let script =
            "set -e; for file in \"$@\"; do source \"$file\" >&2; done; printf '%s\\0' "
            + names.map { "\"${\($0)-}\"" }.joined(separator: " ")
        var environment = minimalEnvironment
        environment["HOME"] = home
        let output: String
        do {
            output = try await Tool(name: "bash", path: "/bin/bash", package: "bash").run(
                ["--noprofile", "--norc", "-c", script, "configuration"] + files, environment: environment)
        } catch HostSystemError.toolFailed(_, let status, let ending) {
            printError("\(files.joined(separator: " or ")): error: bash ended with \(status)\(ending.isEmpty ? "" : ":\n\(ending)")")
            throw ExitCode(ExitStatus.wrongInput)
        }
        let values = output.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        return SettingsFiles(
            values: Dictionary(uniqueKeysWithValues: zip(names, values)).filter { !$0.value.isEmpty }, files: files, places: places(in: files))
    }

    /// Where the files assign names, and a warning for names that mean nothing. The files are bash: a variable that others are made of is left alone.
    private static func places(in files: [String]) -> [String: String] {
        let texts = files.map { (try? readText(FilePath($0))) ?? "" }
        var places: [String: String] = [:]
        for (file, text) in zip(files, texts) {
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                guard let name = line.firstMatch(of: /^\s*([A-Za-z_][A-Za-z0-9_]*)=/).map({ String($0.1) }) else { continue }
                places[name] = "\(file):\(index + 1)"
                let isUsed = texts.contains { $0.contains("$\(name)") || $0.contains("${\(name)") }
                guard !names.contains(name), !isUsed else { continue }
                printError("\(file):\(index + 1): warning: unknown setting '\(name)' is ignored; expected one of \(names.joined(separator: ", "))")
            }
        }
        return places
    }

    /// - Throws: `ExitCode` for a file that cannot be looked at, after printing why.
    private static func isThere(_ file: String) throws -> Bool {
        do { return try HostSystem.isThere(FilePath(file)) } catch let error as FileError {
            printError("\(file): error: cannot be read: \(error.errno)")
            throw ExitCode(ExitStatus.wrongInput)
        }
    }

    subscript(_ name: String) -> String? { values[name] }

    /// - Throws: `ExitCode`, for a value that is not a size; what was expected is printed.
    func size(_ name: String) throws -> UInt64? {
        guard let text = values[name] else { return nil }
        guard let size = ByteCount(text) else { throw wrong(name, text, "a size such as 50GiB") }
        return size.bytes
    }

    /// - Throws: `ExitCode`, for a value that is not a number above 0; what was expected is printed.
    func count(_ name: String) throws -> Int? {
        guard let text = values[name] else { return nil }
        guard let count = Int(text), count > 0 else { throw wrong(name, text, "a whole number above 0") }
        return count
    }

    private func wrong(_ name: String, _ text: String, _ expected: String) -> ExitCode {
        printError("\(places[name] ?? files.joined(separator: " or ")): error: \(name) is '\(text)'; expected \(expected)")
        return ExitCode(ExitStatus.wrongInput)
    }
}
