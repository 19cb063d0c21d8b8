import Foundation
import Testing

/// A tree of machines with one empty package and a disk of 64 MiB, which build in a second, and a cache.
struct TinyMachines {
    let folder: String

    var tree: String { folder + "/tree" }
    var cache: String { folder + "/cache" }

    /// - Parameter machines: of the group `g`.
    init(in folder: String, _ machines: [String] = ["one"]) async throws {
        self.folder = folder
        try await SmallRepository.make(at: folder + "/repository", [SmallPackage("a")])
        _ = try SmallRepository.tree(
            in: folder, machines: Dictionary(uniqueKeysWithValues: machines.map { ($0, "a\n") }),
            repositories: ["r": "baseurl=file://\(folder)/repository\ngpgcheck=0"])
        try "boot:\n  loader: none\noutputs: [raw, qcow2]\n".write(toFile: tree + "/g/machine-group.yaml", atomically: true, encoding: .utf8)
        for machine in machines {
            try "disks:\n  - size: 64MiB\n".write(toFile: machineFolder(machine) + "/machine.yaml", atomically: true, encoding: .utf8)
            try setState("first", of: machine)
        }
    }

    func machineFolder(_ machine: String) -> String { tree + "/g/machines/" + machine }

    /// Another content of an overlay's file: other artefacts.
    func setState(_ state: String, of machine: String = "one") throws {
        let overlay = machineFolder(machine) + "/root-overlays/state"
        try FileManager.default.createDirectory(atPath: overlay, withIntermediateDirectories: true)
        try state.write(toFile: overlay + "/state", atomically: true, encoding: .utf8)
    }

    /// The words of a command for this tree and cache.
    func words(_ command: String..., of selectors: [String] = ["g"], cache: String? = nil) -> [String] {
        [Sandbox.program] + command + ["-c", tree, "-s", cache ?? self.cache] + selectors
    }

    /// Builds in a cache of its own; the checksums of the artefacts.
    func cleanBuild(of machine: String = "one") async throws -> [String: String] {
        let own = folder + "/clean-" + UUID().uuidString
        let build = try await run(words("build", of: ["g/" + machine], cache: own))
        #expect(build.status == 0, "\(build.output)\(build.errors)")
        let checksums = try await checksums(of: machine, cache: own)
        _ = try await run(["rm", "-rf", "--one-file-system", own])
        return checksums
    }

    /// The SHA-256 of a machine's artefacts by name: of each file that there is, and the manifest must say the same. Empty: there are none.
    func checksums(of machine: String = "one", cache: String? = nil, sourceLocation: Testing.SourceLocation = #_sourceLocation) async throws
        -> [String: String]
    {
        let artefacts = (cache ?? self.cache) + "/g/\(machine)/artefacts"
        guard FileManager.default.fileExists(atPath: artefacts) else { return [:] }
        var checksums: [String: String] = [:]
        for line in try await shell("cd '\(artefacts)'; sha256sum $(ls | grep -v manifest.json)").split(separator: "\n") {
            let words = line.split(separator: " ")
            checksums[String(words[1])] = String(words[0])
        }
        let data = try Data(contentsOf: URL(fileURLWithPath: artefacts + "/manifest.json"))
        let manifest = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        var listed: [String: String] = [:]
        for artefact in manifest["artefacts"] as? [[String: Any]] ?? [] {
            listed[artefact["path"] as? String ?? ""] = artefact["sha256"] as? String
        }
        #expect(listed == checksums, "\(artefacts)/manifest.json", sourceLocation: sourceLocation)
        return checksums
    }
}
