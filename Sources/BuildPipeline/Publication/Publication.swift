import BuildGraph
import BuildStore
import ConfigurationTree
import Foundation
import Glibc
import HostSystem
import SystemPackage

/// The artefacts that a machine is to have: files of stages' results, by the names that people know them by.
struct Publication: Sendable {
    struct File: Sendable {
        /// In `artefacts/`.
        var name: String
        var format: String
        /// In the graph.
        var stage: Identity
        /// In the stage's result.
        var storedName: String
    }

    /// In the order in which they are listed.
    var files: [File]

    /// The stages whose results are published, each once.
    var stages: [Identity] {
        var seen: Set<Identity> = []
        return files.map(\.stage).filter { seen.insert($0).inserted }
    }

    /// Of the names and of the stages as the graph has them: known before anything is made.
    var identity: Identity { identity { $0.hexadecimal } }

    /// Of the names and of results.
    func identity(of results: [Identity: StageResult]) -> Identity { identity { results[$0]?.identity.hexadecimal ?? $0.hexadecimal } }

    private func identity(_ name: (Identity) -> String) -> Identity {
        let value = CanonicalValue.list(files.map { .list([.text($0.name), .text($0.format), .text($0.storedName)]) })
        return Identity(stage: "publish", version: 1, value: value, needs: files.map { name($0.stage) })
    }
}

/// A machine's `artefacts/`: exchanged whole, and only when everything succeeded. It is there at every moment.
struct ArtefactFolder: Sendable {
    /// The machine's folder of the cache.
    let machineCache: FilePath

    var path: FilePath { machineCache.appending("artefacts") }
    private var stateFile: FilePath { machineCache.appending("published.json") }

    /// What is known of the artefacts on this host, apart from what they are.
    private struct State: Codable {
        /// `Publication.identity`, of the stages as the graph had them.
        var plan: Identity
        var manifest: Identity
        /// By the artefacts' names: as they were when they were known to be whole.
        var files: [String: FileIdentity]
    }

    /// The manifest of artefacts that are whole and what the publication says, when a killed build left nothing beside them.
    ///
    /// - Parameters:
    ///   - thoroughly: every byte is read; otherwise only what has other sizes or times than it had.
    ///   - onDamage: called with what is wrong with an artefact.
    /// - Returns: `nil`: there is something to do.
    func current(_ publication: Publication, thoroughly: Bool, onDamage: (String) -> Void) -> ArtefactManifest? {
        guard let state = readState(), state.plan == publication.identity, let manifest = ArtefactManifest(in: path),
            manifest.identity == state.manifest, leftovers.isEmpty
        else { return nil }
        return isWhole(manifest, state, thoroughly: thoroughly, onDamage: onDamage) ? manifest : nil
    }

    /// Publishes results. Artefacts that are there already, whole, stay.
    ///
    /// - Parameters:
    ///   - manifest: without artefacts.
    ///   - results: by the stages' identities in the graph.
    /// - Throws: `FileError`, `Errno`, `HostSystemError`.
    func publish(
        _ publication: Publication, _ results: [Identity: StageResult], manifest: ArtefactManifest, store: LocalStageStore, rm: Tool
    ) async throws -> ArtefactManifest {
        try await offPool { try recover() }
        try await removeLeftovers(rm)
        if let present = ArtefactManifest(in: path), present.identity == manifest.identity {
            let state = readState() ?? State(plan: publication.identity, manifest: present.identity, files: [:])
            if try await offPool({ isWhole(present, state, thoroughly: false, onDamage: { _ in }) }) {
                try write(publication, present)
                return present
            }
        }
        let fresh = FilePath("\(path).new.\(UInt64.random(in: 0...UInt64.max))")
        try createDirectories(fresh)
        var manifest = manifest
        manifest.artefacts = try publication.files.map { file in
            guard let result = results[file.stage], let stored = result.file(file.storedName) else {
                throw StageError("the result of the stage does not have \(file.storedName)")
            }
            try store.link(file.storedName, of: result, to: fresh.appending(file.name))
            return Artefact(path: file.name, format: file.format, size: stored.size, sha256: stored.digest)
        }
        try writeAtomically(try prettyJSON(manifest), to: fresh.appending(ArtefactManifest.name))
        // The old artefacts are removed next: the new ones must survive a power cut.
        try await store.reachDisk()
        try await offPool {
            try exchange(fresh, path)
            try syncFolder(machineCache)
        }
        // Last: artefacts that are noted as current are not looked at again, and neither is what lies beside them.
        try await removeLeftovers(rm)
        try write(publication, manifest)
        return manifest
    }

    private func write(_ publication: Publication, _ manifest: ArtefactManifest) throws {
        var files: [String: FileIdentity] = [:]
        for artefact in manifest.artefacts { files[artefact.path] = FileIdentity(path.appending(artefact.path)) }
        let state = State(plan: publication.identity, manifest: manifest.identity, files: files)
        try writeAtomically(try JSONEncoder().encode(state), to: stateFile)
    }

    private func readState() -> State? {
        (try? readRegularFile(stateFile)).flatMap { try? JSONDecoder().decode(State.self, from: Data($0)) }
    }

    private func isWhole(_ manifest: ArtefactManifest, _ state: State, thoroughly: Bool, onDamage: (String) -> Void) -> Bool {
        var isWhole = true
        var isChanged = false
        for artefact in manifest.artefacts {
            let file = path.appending(artefact.path)
            guard let now = FileIdentity(file) else {
                onDamage("the artefact \(file) is missing")
                isWhole = false
                continue
            }
            guard now.size == artefact.size else {
                onDamage("the artefact \(file) has \(now.size) bytes; expected \(artefact.size)")
                isWhole = false
                continue
            }
            if now == state.files[artefact.path], !thoroughly { continue }
            isChanged = true
            // Different times alone are not damage: the cache may have been copied.
            if (try? Checksum(.sha256, ofFile: file).hexadecimal) != artefact.sha256 {
                onDamage("the content of the artefact \(file) has changed")
                isWhole = false
            }
        }
        if isWhole, isChanged {
            var state = state
            for artefact in manifest.artefacts { state.files[artefact.path] = FileIdentity(path.appending(artefact.path)) }
            try? writeAtomically((try? JSONEncoder().encode(state)) ?? Data(), to: stateFile)
        }
        return isWhole
    }

    /// Puts a folder in the place of another one, in one step (renameat2(2), RENAME_EXCHANGE).
    private func exchange(_ fresh: FilePath, _ target: FilePath) throws {
        if !exists(target) {
            guard rename(fresh.string, target.string) == 0 else { throw FileError(target, Errno(rawValue: errno)) }
            return
        }
        do { try exchangeNames(of: fresh, and: target) } catch Errno.invalidArgument {
            // A file system that cannot: `recover` puts the old ones back when the build is killed between the two steps.
            let old = FilePath("\(target).old")
            guard rename(target.string, old.string) == 0, rename(fresh.string, target.string) == 0 else {
                throw FileError(target, Errno(rawValue: errno))
            }
        } catch let error as Errno { throw FileError(target, error) }
    }

    /// Artefacts that a build which was killed had put aside.
    private func recover() throws {
        let old = FilePath("\(path).old")
        guard exists(old), !exists(path) else { return }
        guard rename(old.string, path.string) == 0 else { throw FileError(path, Errno(rawValue: errno)) }
    }

    private var leftovers: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: machineCache.string)) ?? [])
            .filter { $0.hasPrefix("artefacts.new.") || $0 == "artefacts.old" }
    }

    /// What killed builds left, and the artefacts that were exchanged.
    private func removeLeftovers(_ rm: Tool) async throws {
        let names = leftovers
        guard !names.isEmpty else { return }
        try await rm.run(["-rf", "--one-file-system"] + names.map { machineCache.appending($0).string })
    }
}
