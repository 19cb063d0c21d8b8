// Reads libsolv's test cases (ext/testcase.c, ext/repo_testcase.c), as far as they are about a root that starts empty, and turns them into
// repositories as createrepo makes them, and into requests as a machine makes them.
import ConfigurationTree
import Foundation
import SystemPackage

@testable import PackageResolution

/// One file, which `nextjob` divides into steps.
struct LibsolvTestCase {
    /// The question of a step, and libsolv's answer.
    struct Step {
        var requests: [String] = []
        var configuration = YumConfiguration.plain
        /// `name-version-release.arch` of what is installed; `nil`: it cannot be solved.
        var expected: Set<String>?
    }

    /// Why a test case does not apply.
    struct Unsupported: Error, CustomStringConvertible {
        var description: String
    }

    private(set) var repositories: [(name: String, priority: Int, tags: [String])] = []
    private(set) var steps: [Step] = []
    private(set) var architecture = "x86_64"

    init(_ text: String) throws {
        var step = Step()
        var judged = false
        for (words, inline) in Self.commands(text) {
            switch words[0] {
            case "repo": try addRepository(words, inline)
            case "system":
                guard words.count < 3 || ["rpm", "*"].contains(words[2]) else {
                    throw Unsupported(description: "packages of \(words[2])")
                }
                if words.count > 1, words[1] != "unset" { architecture = words[1] }
            case "solverflags": try apply(flags: words.dropFirst(), to: &step)
            case "disable":
                guard words.count == 3, words[1] == "pkg" else { throw Unsupported(description: words.joined(separator: " ")) }
                step.configuration.excludes.append(Self.withoutRepository(words[2]))
            case "job": try add(job: Array(words.dropFirst()), to: &step)
            case "result":
                judged = try Self.judge(words, inline, &step) || judged
            case "nextjob":
                steps.append(step)
                step = Step()
            case "feature", "poolflags", "namespace", "vendorclass": break
            default: throw Unsupported(description: "the command '\(words[0])'")
            }
        }
        guard judged else { throw Unsupported(description: "no result that is a transaction or a problem") }
        steps.append(step)
    }

    private static func commands(_ text: String) -> [(words: [String], inline: [String])] {
        var commands: [(words: [String], inline: [String])] = []
        for line in text.split(separator: "\n").map(String.init) {
            if line.hasPrefix("#>") {
                if !commands.isEmpty { commands[commands.count - 1].inline.append(String(line.dropFirst(2))) }
                continue
            }
            let words = line.split(separator: " ").map(String.init)
            if !words.isEmpty, !line.hasPrefix("#") { commands.append((words, [])) }
        }
        return commands
    }

    private mutating func addRepository(_ words: [String], _ tags: [String]) throws {
        guard words.count > 3, words[3] != "empty" else { return }
        guard words.last == "<inline>" else { throw Unsupported(description: "a repository in a file of its own") }
        guard ["system", "@System"].contains(words[1]) == false else {
            guard !tags.contains(where: { $0.hasPrefix("=Pkg:") }) else {
                throw Unsupported(description: "installed packages")
            }
            return
        }
        // libsolv's priorities grow with importance.
        let priority = 99 - (words[2].split(separator: ".").first.flatMap { Int($0) } ?? 0)
        repositories.append((words[1], priority, tags))
    }

    private func apply(flags: some Sequence<String>, to step: inout Step) throws {
        // Flags that we always set, like dnf, and one that is an option of yum.conf.
        let ours: Set = ["allowvendorchange", "keepexplicitobsoletes", "bestobeypolicy", "keeporphans", "yumobsoletes"]
        for flag in flags where !ours.contains(flag) {
            guard flag == "ignorerecommended" else { throw Unsupported(description: "the solver flag \(flag)") }
            step.configuration.installsWeakDependencies = false
        }
    }

    private func add(job: [String], to step: inout Step) throws {
        var words = job
        if let flags = words.last, flags.hasPrefix("[") {
            words.removeLast()
            for flag in flags.dropFirst().dropLast().split(separator: ",") {
                switch flag {
                case "forcebest": step.configuration.best = true
                case "targeted", "setevr", "setarch", "setvendor", "setrepo", "setname": break
                default: throw Unsupported(description: "the job flag \(flag)")
                }
            }
        }
        guard words.count > 2 else { throw Unsupported(description: "the job \(job.joined(separator: " "))") }
        let what = words[2...].joined(separator: " ")
        switch (words[0], words[1]) {
        case ("install", "name"), ("install", "provides"): step.requests.append(what)
        case ("install", "pkg"): step.requests.append(Self.withoutRepository(what))
        case ("install", "oneof") where words.count == 3: step.requests.append(Self.withoutRepository(what))
        case ("excludefromweak", "name"): step.configuration.excludedFromWeak.append(what)
        case ("multiversion", "name"), ("multiversion", "provides"): step.configuration.installOnlyPackages.append(what)
        default: throw Unsupported(description: "the job '\(words[0]) \(words[1])'")
        }
    }

    /// - Returns: whether the lines say what the outcome is.
    private static func judge(_ words: [String], _ lines: [String], _ step: inout Step) throws -> Bool {
        let kinds = words.count > 1 ? words[1].split(separator: ",") : []
        if lines.contains(where: { $0.hasPrefix("problem ") || $0.hasPrefix("proof ") }) {
            step.expected = nil
            return true
        }
        guard kinds.contains("transaction") else { return false }
        var installed: Set<String> = []
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            switch words[0] {
            case "install": installed.insert(withoutRepository(words[1]))
            case "upgrade", "erase", "downgrade", "reinstall": throw Unsupported(description: "installed packages")
            default: break
            }
        }
        step.expected = installed
        return true
    }

    private static func withoutRepository(_ text: String) -> String {
        text.lastIndex(of: "@").map { String(text[..<$0]) } ?? text
    }
}

extension YumConfiguration {
    /// Nothing but defaults.
    static var plain: YumConfiguration {
        var diagnostics: [Diagnostic] = []
        var folder = YumFolder(path: "/dev", configurationTemplate: "/dev/null")
        folder.variables = [:]
        return YumConfiguration(
            folder, architecture: "x86_64", variables: [:], environment: [:], diagnostics: &diagnostics)
    }
}
