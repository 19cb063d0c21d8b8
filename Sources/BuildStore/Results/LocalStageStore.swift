import Foundation
import Glibc
public import HostSystem
import Synchronization
public import SystemPackage

/// `<cachePath>/stages`: the results of stages, shared by all machines of all groups. A result is a folder that exists whole or not at all.
///
///     stages/<identity>/            result.json, stage.json, stage.log, what the stage made, and, about this host alone, `local.json` and `on-disk`
///     stages/<identity>             a symbolic link: the stage with this identity makes what another one made
///     stages/<identity>.*.partial   being made, or left by a build that was killed
///     stages/<identity>.failed      what a failed stage had made, kept on request
///     stages/locks/ stages/pins/    which results are being made, and which are in use
///
/// After a power cut too, without waiting for the disk at each stage: a result counts in the boot of this host that made it - the kernel has all of it, on disk
/// or not - and in later ones when it is known to have reached the disk (`reachDisk`).
public final class LocalStageStore: StageStore {
    public let folder: FilePath
    /// What a stage that fails has made so far is kept, in `failure(of:)`.
    public let keepsFailures: Bool
    private let rm: Tool
    private let state = Mutex(State())

    static let recordName = "result.json"
    static let valueName = "stage.json"
    static let localName = "local.json"
    static let onDiskName = "on-disk"
    public static let logName = "stage.log"

    private struct State {
        var madeHere: [FilePath] = []
        /// Results whose damage was looked for in this run.
        var sound: Set<Identity> = []
        var pins: StagePins?
        var isPrepared = false
    }

    /// What is known of a result on this host.
    struct Local: Codable {
        /// That of `currentBoot`, as the result was made.
        var boot: String?
        /// By the names of the result's files: their states when they were known to be sound.
        var files: [String: FileIdentity] = [:]
        /// By the names of the result's folders.
        var folders: [String: String] = [:]
        /// What the result's folders take on the disk, in bytes.
        var allocated: UInt64 = 0
    }

    /// - Parameter cachePath: an existing folder.
    /// - Throws: `HostSystemError` when the program that removes folders is missing.
    public init(cachePath: FilePath, tools: ToolTable, keepsFailures: Bool = false) throws {
        folder = cachePath.appending("stages")
        rm = try tools.tool("rm")
        self.keepsFailures = keepsFailures
    }

    /// Where a result is, once it is there.
    public func place(of identity: Identity) -> FilePath { folder.appending(identity.hexadecimal) }

    /// Where what a failed stage had made is kept.
    public func failure(of identity: Identity) -> FilePath { folder.appending(identity.hexadecimal + ".failed") }

    public func result(of identity: Identity) -> StageResult? {
        var place = place(of: identity)
        if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: place.string) { place = folder.appending(target) }
        guard let bytes = try? readRegularFile(place.appending(Self.recordName)), let local = local(of: place),
            local.boot != nil && local.boot == currentBoot() || exists(place.appending(Self.onDiskName)),
            let record = try? JSONDecoder().decode(StageResult.Record.self, from: Data(bytes)), record.schema == 1
        else { return nil }
        return StageResult(record: record, folder: place)
    }

    /// The stage that made a result, in canonical form.
    public func value(of identity: Identity) -> CanonicalValue? {
        let file = place(of: identity).appending(Self.valueName)
        return (try? readRegularFile(file)).flatMap { try? JSONDecoder().decode(CanonicalValue.self, from: Data($0)) }
    }

    func local(of place: FilePath) -> Local? {
        (try? readRegularFile(place.appending(Self.localName))).flatMap { try? JSONDecoder().decode(Local.self, from: Data($0)) }
    }

    private func write(_ local: Local, to place: FilePath) throws {
        try writeAtomically(try JSONEncoder().encode(local), to: place.appending(Self.localName))
    }

    // MARK: Damage

    public func damage(of result: StageResult, thoroughly: Bool) async throws -> String? {
        if state.withLock({ $0.sound.contains(result.identity) }) { return nil }
        guard try await pin(result.identity) else { return "it was removed" }
        guard let damage = try await lookForDamage(of: result, thoroughly: thoroughly) else { return nil }
        // Another program may have seen it too, and be making the result again: what that one made stays.
        let lock = try await FileLock.wait(for: lockFile(of: result.identity), onWait: {})
        defer {
            lock.removeFile()
            withExtendedLifetime(lock) {}
        }
        if let now = self.result(of: result.identity), try await lookForDamage(of: now, thoroughly: thoroughly) == nil { return damage }
        try await remove(result.folder)
        return damage
    }

    private func lookForDamage(of result: StageResult, thoroughly: Bool) async throws -> String? {
        let damage = try await offPool { [self] in findDamage(of: result, thoroughly: thoroughly) }
        if damage == nil { state.withLock { _ = $0.sound.insert(result.identity) } }
        return damage
    }

    private func findDamage(of result: StageResult, thoroughly: Bool) -> String? {
        guard var local = local(of: result.folder) else { return "local.json cannot be read" }
        let before = (local.files, local.folders)
        for file in result.record.files {
            let path = result.folder.appending(file.name)
            let isUnchanged: Bool
            switch file.kind {
            case .file:
                let state = FileIdentity(path)
                isUnchanged = state != nil && state == local.files[file.name] && state?.size == file.size
                local.files[file.name] = state
            case .folder:
                let state = try? TreeState(of: path).fingerprint
                isUnchanged = state != nil && state == local.folders[file.name]
                local.folders[file.name] = state
            }
            // Different times alone are not damage: the cache may have been copied.
            if isUnchanged && !thoroughly { continue }
            if let damage = file.damage(in: result.folder) { return "\(path): \(damage)" }
        }
        if before != (local.files, local.folders) { try? write(local, to: result.folder) }
        return nil
    }

    /// Whether a result that another program has made meanwhile can be used.
    private func isSound(_ result: StageResult, underLockOf identity: Identity) async throws -> Bool {
        guard result.identity == identity else { return try await damage(of: result, thoroughly: false) == nil }
        guard try await pin(identity) else { return false }
        return try await lookForDamage(of: result, thoroughly: false) == nil
    }

    // MARK: Making

    public func make(
        _ identity: Identity, stage: String, value: CanonicalValue, onWait: @escaping @Sendable () -> Void,
        _ body: @escaping @Sendable (FilePath) async throws -> StageContent
    ) async throws -> StageResult {
        try prepare()
        let lock = try await FileLock.wait(for: lockFile(of: identity), onWait: onWait)
        defer {
            lock.removeFile()
            withExtendedLifetime(lock) {}
        }
        if let made = result(of: identity), try await isSound(made, underLockOf: identity) { return made }
        let final = place(of: identity)
        // Whatever is there cannot be used: what a killed build left, or a result that did not reach the disk before a power cut.
        try await removeAll { $0 == identity.hexadecimal || $0.hasPrefix(identity.hexadecimal + ".") }
        // Where a folder lies follows from its name too: with the same one it would be where the last one was removed.
        let partial = FilePath("\(final).\(Self.randomText()).partial")
        try createDirectories(partial)
        do {
            let begin = ContinuousClock.now
            let content = try await body(partial)
            let milliseconds = Int64(begin.duration(to: .now) / .milliseconds(1))
            let result = try await offPool { [self] in
                try finish(partial, identity: identity, stage: stage, value: value, content, milliseconds: milliseconds)
            }
            guard try await pin(identity, whenThere: { try rename(partial, to: final) }) else { throw FileError(final, .noSuchFileOrDirectory) }
            state.withLock {
                $0.madeHere.append(final)
                _ = $0.sound.insert(identity)
            }
            return StageResult(record: result, folder: final)
        } catch {
            if keepsFailures, !(error is CancellationError), rename(partial.string, failure(of: identity).string) == 0 { throw error }
            // A cancelled task cannot run programs; the next build removes what is left.
            if !(error is CancellationError) { try? await remove(partial) }
            throw error
        }
    }

    private func finish(
        _ partial: FilePath, identity: Identity, stage: String, value: CanonicalValue, _ content: StageContent, milliseconds: Int64
    ) throws -> StageResult.Record {
        let names = try FileManager.default.contentsOfDirectory(atPath: partial.string).filter { $0 != Self.logName }.sorted()
        let files = try names.map { try StoredFile($0, in: partial, isSparse: content.sparseFiles.contains($0)) }
        let hash = Digester(.sha256)
        for file in files { hash.update(Array("\(file.name)\u{0}\(file.algorithm.rawValue)\u{0}\(file.digest)\u{0}".utf8)) }
        let record = StageResult.Record(
            stage: stage, identity: identity, content: hash.finalize().hexadecimal, files: files, facts: content.facts,
            warnings: content.warnings, milliseconds: milliseconds)
        var local = Local(boot: currentBoot())
        for file in files {
            switch file.kind {
            case .file: local.files[file.name] = FileIdentity(partial.appending(file.name))
            case .folder:
                let state = try TreeState(of: partial.appending(file.name))
                local.folders[file.name] = state.fingerprint
                local.allocated += state.allocated
            }
        }
        try writeAtomically(value.bytes, to: partial.appending(Self.valueName))
        try write(local, to: partial)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try writeAtomically(try encoder.encode(record), to: partial.appending(Self.recordName))
        return record
    }

    public func note(_ identity: Identity, makes result: StageResult) throws {
        guard identity != result.identity else { return }
        let link = FilePath("\(place(of: identity)).\(Self.randomText()).partial")
        guard symlink(result.identity.hexadecimal, link.string) == 0 else { throw FileError(link, Errno(rawValue: errno)) }
        do { try rename(link, to: place(of: identity)) } catch {
            removeFile(link)
            // A folder has that name: the stage made something itself before, which counts just as well.
        }
    }

    /// Gives a file of a result a second name (link(2)), or, where the file system cannot, copies it.
    ///
    /// - Throws: `FileError`.
    public func link(_ name: String, of result: StageResult, to target: FilePath) throws {
        let source = result.folder.appending(name)
        let before = FileIdentity(source)
        guard Glibc.link(source.string, target.string) != 0 else {
            // The number of its names is part of a file's state.
            if var local = local(of: result.folder), local.files[name] == before {
                local.files[name] = FileIdentity(source)
                try write(local, to: result.folder)
            }
            return
        }
        do {
            let input = try FileDescriptor.open(source, .readOnly, options: .closeOnExec)
            try input.closeAfter {
                let output = try FileDescriptor.open(
                    target, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: [.ownerReadWrite, .groupRead, .otherRead])
                try output.closeAfter { try copyContents(of: input, to: output) }
            }
        } catch let error as Errno { throw FileError(target, error) }
    }

    public func reachDisk() async throws {
        let made = state.withLock { state in
            defer { state.madeHere = [] }
            return state.madeHere
        }
        guard exists(folder) else { return }
        try await offPool { [self] in
            try syncFileSystem(of: folder)
            for place in made where exists(place) { try writeAtomically([], to: place.appending(Self.onDiskName)) }
        }
    }

    // MARK: Folders

    /// Makes the store's folders, and removes what killed builds left. Once a run.
    private func prepare() throws {
        try state.withLock { state in
            guard !state.isPrepared else { return }
            for name in ["", "locks", "pins"] { try createDirectories(name.isEmpty ? folder : folder.appending(name)) }
            try removeDefaultACL(of: folder)
            spreadFolders(in: folder)
            state.isPrepared = true
        }
    }

    func lockFile(of identity: Identity) -> FilePath { folder.appending("locks").appending(identity.hexadecimal) }

    /// - Parameter body: makes the result be there; done in the same moment, in which nothing is removed.
    /// - Returns: whether the result is there.
    private func pin(_ identity: Identity, whenThere body: () throws -> Void = {}) async throws -> Bool {
        try prepare()
        let pins = try state.withLock { state in
            if let pins = state.pins { return pins }
            let pins = try StagePins(in: folder)
            state.pins = pins
            return pins
        }
        let lock = try await FileLock.wait(for: StagePins.lockFile(in: folder), isShared: true, onWait: {})
        defer { withExtendedLifetime(lock) {} }
        try pins.add(identity)
        try body()
        return exists(place(of: identity))
    }

    /// Keeps results from being removed for as long as the program that this process becomes runs (execve(2)).
    ///
    /// - Throws: `FileError`, `Errno`.
    public func pinForSession(_ identities: [Identity]) async throws {
        for identity in identities { _ = try await pin(identity) }
        try state.withLock { try $0.pins?.outliveProgram() }
    }

    private func removeAll(_ condition: (String) -> Bool) async throws {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []).filter(condition)
        for name in names { try await remove(folder.appending(name)) }
    }

    /// The name is free at once; removing what is in a folder takes its time.
    func remove(_ path: FilePath) async throws {
        var status = stat()
        guard lstat(path.string, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else { return removeFile(path) }
        let going = path.string.hasSuffix(".removed") ? path : FilePath("\(path).\(Self.randomText()).removed")
        if going != path, rename(path.string, going.string) != 0 {
            guard errno == ENOENT else { throw FileError(path, Errno(rawValue: errno)) }
            return
        }
        try await rm.run(["-rf", "--one-file-system", going.string])
    }

    private func rename(_ path: FilePath, to target: FilePath) throws {
        guard Glibc.rename(path.string, target.string) == 0 else { throw FileError(target, Errno(rawValue: errno)) }
    }

    private func rename(_ path: String, _ target: String) -> Int32 { Glibc.rename(path, target) }

    private static func randomText() -> String { String(UInt64.random(in: 0...UInt64.max), radix: 36) }
}
