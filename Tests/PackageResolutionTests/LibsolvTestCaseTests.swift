import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

/// libsolv's own test cases (material: `libsolv-testcases`), solved by this package. Test cases that do not apply are in
/// `Tests/LibsolvTestCases/left-out`, each with its reason.
struct LibsolvTestCaseTests {
    private static let project = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let cases: URL = {
        let material = ProcessInfo.processInfo.environment["DISCOGRAPHER_MATERIAL"]
        let folder = material.map { URL(fileURLWithPath: $0) } ?? project.appendingPathComponent("../shared/material")
        return folder.appendingPathComponent("libsolv-testcases")
    }()
    private static let isThere = FileManager.default.fileExists(atPath: cases.path)

    @Test(.enabled(if: isThere, "the material libsolv-testcases is not here"))
    func libsolvTestCasesGiveTheirStatedResults() async throws {
        let leftOut = try Self.leftOut()
        var ran = 0
        var unexpected: [String] = []
        for file in try Self.files() {
            let text = try String(contentsOf: Self.cases.appendingPathComponent(file), encoding: .utf8)
            do {
                let test = try LibsolvTestCase(text)
                let wrong = try await Self.wrongSteps(of: test)
                if let reason = leftOut[file] {
                    if wrong.isEmpty { unexpected.append("\(file) is left out (\(reason)), but gives what it states") }
                } else {
                    unexpected += wrong.map { "\(file): \($0)" }
                    ran += 1
                }
            } catch let unsupported as LibsolvTestCase.Unsupported {
                if leftOut[file] == nil { unexpected.append("\(file) is not left out, but has \(unsupported)") }
            }
        }
        #expect(unexpected.isEmpty, "\(unexpected.joined(separator: "\n"))")
        #expect(ran > 0)
    }

    private static func wrongSteps(of test: LibsolvTestCase) async throws -> [String] {
        let folder = try ScratchFolder()
        var repositories: [Repository] = []
        for (number, repo) in test.repositories.enumerated() {
            try SmallRepository(testTags: repo.tags).write(to: folder, at: "r\(number)")
            var repository = Repository(id: "r\(number)", name: repo.name)
            repository.baseURLs = [folder.url.appendingPathComponent("r\(number)").absoluteString]
            repository.priority = repo.priority
            repositories.append(repository)
        }
        var wrong: [String] = []
        for (number, step) in test.steps.enumerated() {
            var configuration = step.configuration
            configuration.repositories = repositories
            let place = SourceLocation(file: "packages")
            let request = ResolutionRequest(
                requests: step.requests.map { PackageRequest(.install, $0, at: place) }, localPackages: [],
                configuration: configuration, architecture: test.architecture)
            let results = try await PackageResolver(cachePath: FilePath(folder.url.appendingPathComponent("cache").path))
                .resolve([request]) { _, _ in }
            let mine = try? results.first?.get().packages.map(\.nevra)
            if mine.map(Set.init) != step.expected {
                wrong.append("step \(number + 1): \(mine?.sorted() ?? ["none"]), not \(step.expected?.sorted() ?? ["none"])")
            }
        }
        return wrong
    }

    private static func files() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: cases.path).filter { $0.hasSuffix(".t") }.sorted()
    }

    private static func leftOut() throws -> [String: String] {
        let text = try String(contentsOf: project.appendingPathComponent("Tests/LibsolvTestCases/left-out"), encoding: .utf8)
        var reasons: [String: String] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { reasons[parts[0]] = parts[1] }
        }
        return reasons
    }
}

extension SmallRepository {
    /// From the lines of a `testtags` repository.
    init(testTags: [String]) throws {
        let kinds = [
            "Prv": "provides", "Req": "requires", "Con": "conflicts", "Obs": "obsoletes", "Rec": "recommends",
            "Sug": "suggests", "Sup": "supplements", "Enh": "enhances",
        ]
        self.init(packages: [])
        for line in testTags {
            guard line.hasPrefix("="), let colon = line.firstIndex(of: ":") else { continue }
            let tag = String(line[line.index(after: line.startIndex)..<colon])
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            if tag == "Pkg" {
                let words = value.split(separator: " ")
                packages.append(Package("\(words[0])-\(words[1])-\(words[2]).\(words[3])"))
            } else if tag == "Vnd" {
                packages[packages.count - 1].vendor = value
            } else if tag == "Fls" {
                packages[packages.count - 1].files.append(value)
            } else if let kind = kinds[tag] {
                packages[packages.count - 1].dependencies[kind, default: []].append(try Self.rpmDependency(value))
            }
        }
    }

    /// libsolv writes boolean dependencies differently from rpm.
    private static func rpmDependency(_ text: String) throws -> String {
        let operators = ["<IF>": "if", "<ELSE>": "else", "<UNLESS>": "unless", "&": "and", "|": "or", "<WITH>": "with"]
        let words = text.replacingOccurrences(of: "(", with: "( ").replacingOccurrences(of: ")", with: " )")
            .split(separator: " ").map(String.init)
        guard words.contains(where: { operators[$0] != nil }) else { return text }
        var result = "(" + words.map { operators[$0] ?? $0 }.joined(separator: " ") + ")"
        // rpm has no parentheses around the two branches of a condition.
        if let condition = result.range(of: "if ( "), result.contains(" else ") {
            result.replaceSubrange(condition, with: "if ")
            result = result.replacingOccurrences(of: " ))", with: ")")
        }
        return result.replacingOccurrences(of: "( ", with: "(").replacingOccurrences(of: " )", with: ")")
    }
}
