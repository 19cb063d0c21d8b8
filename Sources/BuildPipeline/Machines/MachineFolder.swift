import BuildGraph
import BuildStore
public import ConfigurationTree
import Foundation
import Glibc
import HostSystem
import PackageResolution
public import SystemPackage

/// A machine's folder of the cache, but for its artefacts: links to its stages' results, its transaction, and what its stages were in the last run.
struct MachineFolder: Sendable {
    let path: FilePath

    var lockFile: FilePath { path.appending("lock") }
    var yum: FilePath { path.appending("yum") }
    var linkedPackages: FilePath { yum.appending("packages") }
    var logFile: FilePath { yum.appending("log").appending("build.log") }
    var minimalAppliance: FilePath { path.appending("minimal-appliance") }
    private var recordFile: FilePath { path.appending("stages.json") }

    init(_ machine: Machine, _ paths: BuildPaths) { path = paths.machineCache(machine) }

    init(_ path: FilePath) { self.path = path }

    // MARK: Links

    /// What a stage's result is called in `minimal-appliance/`.
    static func linkName(_ label: StageLabel) -> String {
        if label.name == InstallStage.name { return installedRoot }
        return label.subject.isEmpty ? label.name : "\(label.name)-\(label.subject)"
    }

    /// Scripts that look at the installed root find it by `installed-*`, which it was called before there were links.
    static let installedRoot = "installed-packages"
    static let failurePrefix = "failed-"

    /// The results that the machine refers to, by their names in `minimal-appliance/`.
    var links: [String: Identity] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: minimalAppliance.string)) ?? []
        var links: [String: Identity] = [:]
        for name in names {
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: minimalAppliance.appending(name).string),
                let last = FilePath(target).lastComponent, let identity = Identity(String(last.string.prefix(64)))
            else { continue }
            links[name] = identity
        }
        return links
    }

    /// Makes the links be these, and no others of stages.
    ///
    /// - Parameter wanted: names, and what in the store they lead to.
    /// - Throws: `FileError`.
    func setLinks(_ wanted: [String: String]) throws {
        try createDirectories(minimalAppliance)
        for name in links.keys where wanted[name] == nil { removeFile(minimalAppliance.appending(name)) }
        for (name, target) in wanted {
            let link = minimalAppliance.appending(name)
            let text = "../../../stages/\(target)"
            if (try? FileManager.default.destinationOfSymbolicLink(atPath: link.string)) == text { continue }
            let fresh = minimalAppliance.appending(".\(name).\(UInt32.random(in: 0...UInt32.max))")
            guard symlink(text, fresh.string) == 0, rename(fresh.string, link.string) == 0 else {
                let error = Errno(rawValue: errno)
                removeFile(fresh)
                throw FileError(link, error)
            }
        }
    }

    // MARK: Records

    /// What a stage was in a run.
    struct StageRecord: Codable {
        var identity: Identity
        var value: CanonicalValue
    }

    private struct Record: Codable {
        var schema = 1
        /// By the stages' labels.
        var stages: [String: StageRecord]
    }

    /// The stages of the last run, by their labels; `nil`: there was none.
    var lastStages: [String: StageRecord]? {
        guard let bytes = try? readRegularFile(recordFile), let record = try? JSONDecoder().decode(Record.self, from: Data(bytes)), record.schema == 1
        else { return nil }
        return record.stages
    }

    /// Keeps what the stages are, for the explanation of the next run.
    ///
    /// - Throws: `FileError`.
    func record(_ nodes: [BuildGraph.Node]) throws {
        let stages = nodes.map { node in
            (
                "\(StageLabel(node))",
                CanonicalValue.map(["identity": .text(node.identity.hexadecimal), "value": node.encoding.value])
            )
        }
        let value = CanonicalValue.map(["schema": .number(1), "stages": .map(Dictionary(stages) { first, _ in first })])
        try writeIfDifferent(value.bytes, to: recordFile)
    }

    /// `transaction.json` (docs/formats.md): what is installed, from where and why.
    ///
    /// - Throws: `FileError`.
    func write(_ transaction: Transaction, of machine: Machine, configPath: FilePath, localDigests: [String: String]) throws {
        let packages = transaction.packages.map { package -> [CanonicalValue] in
            var location = package.location
            var checksum = package.checksum?.description
            if package.checksum == nil {
                checksum = localDigests[package.location].map { "sha256:\($0)" }
                var path = FilePath(package.location)
                if path.removePrefix(configPath) { location = path.string }
            }
            return [
                .text(package.architecture), checksum.map { .text($0) } ?? .null, .number(Int64(clamping: package.downloadSize.bytes)),
                .number(Int64(package.epoch)), .number(Int64(clamping: package.installedSize.bytes)), .text(location), .text(package.name),
                .text(package.nevra), .text(package.reason.rawValue), .text(package.release), .text(package.repository), .text(package.version),
            ]
        }
        let keys = [
            "architecture", "checksum", "downloadSize", "epoch", "installedSize", "location", "name", "nevra", "reason", "release", "repository",
            "version",
        ]
        var bytes = Array("{\n  \"group\": ".utf8) + CanonicalValue.text(machine.groupName).bytes
        bytes += Array(",\n  \"machine\": ".utf8) + CanonicalValue.text(machine.name).bytes + Array(",\n  \"packages\": ".utf8)
        bytes += CanonicalValue.prettyTable(keys: keys, rows: packages, indentation: 1) + Array(",\n  \"schema\": 1\n}\n".utf8)
        try writeIfDifferent(bytes, to: yum.appending("transaction.json"))
    }
}

extension BuildPaths {
    /// The log of a machine's last build.
    ///
    /// - Parameter name: `group/machine`.
    public func buildLog(ofMachine name: String) -> FilePath { MachineFolder(cachePath.pushing(FilePath(name))).logFile }
}

/// As `writeAtomically`; a file that has these bytes stays untouched.
func writeIfDifferent(_ bytes: [UInt8], to path: FilePath) throws {
    if (try? readRegularFile(path)) == bytes { return }
    try writeAtomically(bytes, to: path)
}
