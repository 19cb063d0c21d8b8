import Foundation
import Glibc
import HostSystem
import SystemPackage

/// Removal of results from the store (`discographer clean`, and the size limit of the settings).
public struct StageCollection: Sendable {
    /// Which results go.
    public struct Rule: Sendable {
        /// Results that no machine refers to.
        public var unreferenced = false
        /// Results that nothing has used for this many seconds.
        public var unusedFor: Int?
        /// What all results together may take, in bytes: those that were used least recently go until it fits.
        public var mostBytes: UInt64?

        public init() {}
    }

    /// A result in the store.
    public struct Candidate: Sendable {
        public var identity: Identity
        /// The stage's name.
        public var stage: String
        /// What its removal frees, in bytes.
        public var bytes: UInt64
        /// Seconds since 1970.
        public var lastUse: Int
        /// Whether a machine refers to it.
        public var isReferenced: Bool
    }

    private let store: LocalStageStore

    public init(_ store: LocalStageStore) { self.store = store }

    /// Removes results by the rule. What running builds and shells use stays, whatever the rule says.
    ///
    /// - Parameters:
    ///   - references: the results that machines refer to.
    ///   - among: results that may go; `nil`: all.
    ///   - isDryRun: nothing is removed.
    /// - Returns: what was removed, or would be.
    /// - Throws: `FileError`, `HostSystemError`, `CancellationError`.
    public func collect(_ rule: Rule, references: Set<Identity>, among: Set<Identity>? = nil, isDryRun: Bool) async throws -> [Candidate] {
        guard exists(store.folder) else { return [] }
        if !isDryRun { try await removeLeftovers(references) }
        let all = try await offPool { candidates(references) }.filter { among?.contains($0.identity) ?? true }
        var wanted: [Candidate] = []
        let now = Int(time(nil))
        for candidate in all {
            let isOld = rule.unusedFor.map { candidate.lastUse <= now - $0 } ?? false
            if isOld || rule.unreferenced && !candidate.isReferenced { wanted.append(candidate) }
        }
        if let mostBytes = rule.mostBytes {
            var left = all.reduce(0) { $0 + $1.bytes } - wanted.reduce(0) { $0 + $1.bytes }
            let going = Set(wanted.map(\.identity))
            // What machines refer to goes last.
            let rest = all.filter { !going.contains($0.identity) && $0.bytes > 0 }
                .sorted { ($0.isReferenced ? 1 : 0, $0.lastUse) < ($1.isReferenced ? 1 : 0, $1.lastUse) }
            for candidate in rest where left > mostBytes {
                wanted.append(candidate)
                left -= candidate.bytes
            }
        }
        guard !wanted.isEmpty else { return [] }
        return try await remove(wanted, isDryRun: isDryRun)
    }

    private func remove(_ wanted: [Candidate], isDryRun: Bool) async throws -> [Candidate] {
        var removed: [Candidate] = []
        var going: [FilePath] = []
        do {
            let lock = try await FileLock.wait(for: StagePins.lockFile(in: store.folder), onWait: {})
            defer { withExtendedLifetime(lock) {} }
            let used = StagePins.inUse(in: store.folder)
            for candidate in wanted where !used.contains(candidate.identity.hexadecimal) {
                removed.append(candidate)
                guard !isDryRun else { continue }
                let place = store.place(of: candidate.identity)
                let target = FilePath("\(place).\(UInt64.random(in: 0...UInt64.max)).removed")
                // The lock is not held while the files are removed.
                if rename(place.string, target.string) == 0 { going.append(target) }
            }
        }
        for place in going { try await store.remove(place) }
        if !isDryRun { removeDanglingLinks() }
        return removed
    }

    private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: store.folder.string)) ?? [] }

    private struct Found {
        var identity: Identity
        var place: FilePath
        var record: StageResult.Record?
        var files: [stat]
    }

    private struct FileNumber: Hashable {
        var device: dev_t
        var inode: ino_t

        init(_ status: stat) { (device, inode) = (status.st_dev, status.st_ino) }
    }

    private func candidates(_ references: Set<Identity>) -> [Candidate] {
        let found = results()
        // A raw image is the disk's own file under a second name. What the store has all names of is freed with the last of them; a published artefact is not.
        var names: [FileNumber: UInt64] = [:]
        for status in found.flatMap(\.files) { names[FileNumber(status), default: 0] += 1 }
        return found.map { result in
            let bytes = result.files.reduce(store.local(of: result.place)?.allocated ?? 0) { sum, status in
                let inStore = names[FileNumber(status)] ?? 1
                return UInt64(status.st_nlink) > inStore ? sum : sum + UInt64(status.st_blocks) * 512 / inStore
            }
            return Candidate(
                identity: result.identity, stage: result.record?.stage ?? "unknown", bytes: bytes, lastUse: Self.lastUse(of: result.place),
                isReferenced: references.contains(result.identity))
        }
    }

    private func results() -> [Found] {
        names.sorted().compactMap { name in
            guard let identity = Identity(name) else { return nil }
            let place = store.place(of: identity)
            var status = stat()
            guard lstat(place.string, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
            let bytes = try? readRegularFile(place.appending(LocalStageStore.recordName))
            let record = bytes.flatMap { try? JSONDecoder().decode(StageResult.Record.self, from: Data($0)) }
            let files = (record?.files ?? []).filter { $0.kind == .file }.compactMap { file -> stat? in
                var status = stat()
                return lstat(place.appending(file.name).string, &status) == 0 ? status : nil
            }
            return Found(identity: identity, place: place, record: record, files: files)
        }
    }

    /// When a build last used the result: the time of its `local.json`, which `markUsed` sets.
    private static func lastUse(of place: FilePath) -> Int {
        var status = stat()
        guard stat(place.appending(LocalStageStore.localName).string, &status) == 0 else { return 0 }
        return status.st_mtim.tv_sec
    }

    private func removeDanglingLinks() {
        for name in names where Identity(name) != nil {
            let place = store.folder.appending(name)
            var status = stat()
            if lstat(place.string, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, stat(place.string, &status) != 0 { removeFile(place) }
        }
    }

    /// What killed builds left, and failed roots that no machine refers to any more.
    ///
    /// - Parameter references: the results that machines refer to.
    /// - Throws: `FileError`, `HostSystemError`, `CancellationError`.
    public func removeLeftovers(_ references: @autoclosure () -> Set<Identity>) async throws {
        let names = names.filter { $0.count > 64 }
        guard !names.isEmpty else { return }
        let references = references()
        for name in names {
            let text = String(name.prefix(64))
            guard let identity = Identity(text) else { continue }
            let isFailure = name == text + ".failed" && !references.contains(identity)
            guard name.hasSuffix(".partial") || name.hasSuffix(".removed") || isFailure else { continue }
            // A build that makes the result holds its lock.
            guard let lock = try FileLock.take(store.lockFile(of: identity)) else { continue }
            defer {
                lock.removeFile()
                withExtendedLifetime(lock) {}
            }
            try await store.remove(store.folder.appending(name))
        }
    }
}

extension LocalStageStore {
    /// Notes that a result is in use now, for the choice of those that go first.
    public func markUsed(_ identity: Identity) {
        utimes(place(of: identity).appending(Self.localName).string, nil)
    }
}
