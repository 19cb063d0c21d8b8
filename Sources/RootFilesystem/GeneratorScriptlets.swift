public import ConfigurationTree
import Glibc
import HostSystem
public import SystemPackage

/// A run of bash over generator scriptlets: the group's or the machine's.
public struct GeneratorRun: Hashable, Codable, Sendable {
    public var scriptlets: [FilePath]
    public var variables: [String: String]
    /// Empty before the run; its folders are layers after it.
    public var generatedOverlays: FilePath
    /// The folder of the tree, read again after the run: scriptlets may put layers there.
    public var overlays: FilePath
    /// The tree's layers as they are before the run.
    public var layers: [OverlayLayer]

    public init(
        scriptlets: [FilePath], variables: [String: String], generatedOverlays: FilePath, overlays: FilePath,
        layers: [OverlayLayer]
    ) {
        self.scriptlets = scriptlets
        self.variables = variables
        self.generatedOverlays = generatedOverlays
        self.overlays = overlays
        self.layers = layers
    }
}

/// Runs generator scriptlets: sourced one after another by one fresh bash, after the functions.
///
/// A command that fails ends the run, as with `set -e`; a scriptlet that wants otherwise says `set +e`, which holds for it alone. Old trees rely
/// on plain sourcing, so bash is not stricter than that: unset variables are empty (no `set -u`), a pipe's status is its last command's (no
/// `pipefail`, under which `... | head -1` fails), and a scriptlet may end with a condition that is not met (`[[ -n $x ]] && ...`).
public struct GeneratorScriptlets {
    var bash: Tool
    var functionsPath: FilePath
    /// Keeps each scriptlet's output while it runs; must exist.
    var scratch: FilePath

    /// Does the run; whatever it left running is stopped.
    ///
    /// - Throws: `WorkerFailure` of kind `scriptlet`, with the scriptlet, the line, and the end of what it printed.
    func run(_ run: GeneratorRun, reporting: WorkerReporter) throws {
        let sources = try Self.functions(in: functionsPath) + run.scriptlets
        // The folder's name is not one of the published variables: bash takes it as a parameter.
        let logs = scratch.appending("output")
        try createDirectories(logs)
        for name in try Self.entries(of: logs) { removeFile(logs.appending(name)) }
        var environment = minimalEnvironment
        environment["HOME"] = "/tmp"
        environment.merge(run.variables) { _, new in new }
        var failure: String?
        do {
            _ = try bash.runBlocking(
                ["--noprofile", "--norc", "-c", Self.driver, "generator-scriptlets", logs.string]
                    + sources.map(\.string),
                environment: environment, workingDirectory: "/tmp")
        } catch HostSystemError.toolFailed(_, let status, let ending) {
            failure = "ended with \(status)" + (ending.isEmpty ? "" : "\n\(ending)")
        }
        stopLeftovers(reporting)
        var last = (source: sources.first, output: "")
        for (index, source) in sources.enumerated() {
            guard let output = output(in: logs.appending("\(index)")) else { break }
            last = (source, output)
            if !output.isEmpty { reporting(.output(source: source.string, text: output)) }
        }
        if failure == nil, !exists(logs.appending("done")) {
            failure = "it ends with 'exit 0', which skips the scriptlets after it; use 'return'"
        }
        guard let failure else { return }
        var message = "\(last.source?.string ?? "bash"): error: the generator scriptlet failed: \(failure)"
        if !last.output.isEmpty { message += "; its output ends:\n\(ending(of: last.output))" }
        throw WorkerFailure(kind: "scriptlet", message: message)
    }

    /// `*.functions` of a folder in the order of bash's glob, which in C.UTF-8 is that of the bytes.
    ///
    /// - Throws: `FileError` when the folder cannot be read.
    public static func functions(in folder: FilePath) throws -> [FilePath] {
        do {
            return try entries(of: folder).map(\.string).filter { $0.hasSuffix(".functions") && !$0.hasPrefix(".") }.map { folder.appending($0) }
        } catch let error as Errno { throw FileError(folder, error) }
    }

    private static func entries(of folder: FilePath) throws -> [FilePath.Component] {
        let descriptor = try FileDescriptor.open(folder, .readOnly, options: [.directory, .closeOnExec])
        return try descriptor.closeAfter { try Root.names(in: descriptor) }
    }

    /// What one scriptlet printed, or `nil` when it was not begun.
    private func output(in log: FilePath) -> String? {
        /// Beyond this, the end is kept.
        let limit = 1 << 20
        guard let descriptor = try? FileDescriptor.open(log, .readOnly, options: .closeOnExec) else { return nil }
        defer { try? descriptor.close() }
        guard let size = try? descriptor.seek(offset: 0, from: .end) else { return nil }
        let skipped = max(0, size - Int64(limit))
        guard (try? descriptor.seek(offset: skipped, from: .start)) != nil else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(size - skipped))
        let count = bytes.withUnsafeMutableBytes { (try? descriptor.read(into: $0)) ?? 0 }
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        return skipped == 0 ? text : "(\(skipped) bytes before this are left out)\n\(text)"
    }

    /// Nothing that a scriptlet started outlives the run: the next one and the overlays find a root that holds still.
    private func stopLeftovers(_ reporting: WorkerReporter) {
        let names = stopOtherProcesses()
        if !names.isEmpty {
            reporting.warn("generator scriptlets left running: \(names.joined(separator: ", ")); stopped")
        }
    }

    /// The ERR trap runs for what would end a `set -e` shell, and once more at this level for a scriptlet's own status; there, a scriptlet
    /// without a `return` can only have ended with an unmet condition.
    private static let driver = #"""
        discographer_failed() {
            local status=$1 command=$2 frame
            [[ $- == *e* ]] || return 0
            if ((${#FUNCNAME[@]} == 1 && BASH_SUBSHELL == 0)); then
                if [[ $(<"$discographer_source") =~ (^|[^[:alnum:]_])return([^[:alnum:]_]|$) ]]; then
                    echo "$discographer_source: error: its status is $status; use 'return 0' if that is not a failure"
                else
                    set +e
                fi
                return 0
            fi
            echo "${BASH_SOURCE[1]}:${BASH_LINENO[0]}: error: \"$command\" failed with status $status"
            for ((frame = 1; frame < ${#FUNCNAME[@]} - 1; frame++)); do
                echo "    called from ${BASH_SOURCE[frame + 1]}:${BASH_LINENO[frame]}"
            done
        } >&2
        discographer_output=$1
        shift
        discographer_sources=("$@")
        discographer_index=0
        set --
        for discographer_source in "${discographer_sources[@]}"; do
            exec </dev/null >"$discographer_output/$discographer_index" 2>&1
            discographer_index=$((discographer_index + 1))
            trap 'discographer_failed "$?" "$BASH_COMMAND"' ERR
            set -o errexit -o errtrace
            source "$discographer_source"
        done
        set +o errexit
        : >"$discographer_output/done"
        """#
}
