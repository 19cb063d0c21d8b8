import ConfigurationTree
import HostSystem
import SystemPackage

/// What bash says of scripts before they are run.
struct ScriptSyntax {
    var bash: Tool

    /// Scripts that one bash sources, whatever interpreter their first lines name.
    ///
    /// - Throws: `HostSystemError` when bash cannot be run.
    func problems(ofSourced scripts: [FilePath]) async throws -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        let extended = scripts.contains { (try? readText($0))?.contains("extglob") == true }
        for (script, output) in zip(scripts, try await parse(scripts)) where !output.text.isEmpty {
            // A script or one before it may switch extended patterns on, which bash does not see without running it.
            if extended, Self.isError(output), let again = try await parse([script], options: ["-O", "extglob"]).first, !Self.isError(again) {
                continue
            }
            diagnostics.append(diagnostic(script, output))
        }
        return diagnostics
    }

    /// `bash -n` ends with 0 after an error within `[[ ]]`.
    private static func isError(_ output: (status: String, text: String)) -> Bool { output.status != "0" || output.text.contains("syntax error") }

    private func diagnostic(_ script: FilePath, _ output: (status: String, text: String)) -> Diagnostic {
        let prefix = "\(script): line "
        let lines = output.text.split(separator: "\n").map(String.init)
        let place = lines.first { $0.hasPrefix(prefix) }?.dropFirst(prefix.count)
        let line = place.flatMap { Int($0.prefix { $0.isNumber }) }
        let words = lines.map { text in
            text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count).drop { $0.isNumber }.drop { ": ".contains($0) }) : text
        }.joined(separator: " ").replacing("warning: ", with: "")
        // bash reads a sourced script command by command, and so may never come to what follows a return.
        let isBehindReturn = line.map { line in
            ((try? readText(script)) ?? "").split(separator: "\n", omittingEmptySubsequences: false).prefix(max(0, line - 1))
                .contains { $0.hasPrefix("return") || $0.hasPrefix("exit") }
        }
        return Diagnostic(Self.isError(output) && isBehindReturn != true ? .error : .warning, at: SourceLocation(file: script, line: line), words)
    }

    /// The status and the words of `bash -n` for each script.
    private func parse(_ scripts: [FilePath], options: [String] = []) async throws -> [(status: String, text: String)] {
        guard !scripts.isEmpty else { return [] }
        let driver = #"""
            options=()
            while [[ $1 != : ]]; do options+=("$1"); shift; done
            shift
            for file; do
                text=$("$BASH" --noprofile --norc -n "${options[@]}" -- "$file" 2>&1 </dev/null)
                printf '%s\0%s\0' "$?" "$text"
            done
            """#
        let output = try await bash.run(["--noprofile", "--norc", "-c", driver, "check"] + options + [":"] + scripts.map(\.string))
        let fields = output.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        return stride(from: 0, to: fields.count - 1, by: 2).map { (fields[$0], fields[$0 + 1]) }
    }
}
