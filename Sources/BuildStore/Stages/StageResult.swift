public import SystemPackage

/// What a stage made: a folder of the store, and the record that lies in it (`result.json`, docs/stages.md). Paths in the record are relative, and nothing in it is
/// about this host: a folder with its record can be taken elsewhere.
public struct StageResult: Sendable {
    public struct Record: Codable, Sendable {
        /// Of the record's form.
        public var schema = 1
        /// The stage's name, such as `install`.
        public var stage: String
        public var identity: Identity
        /// Digest of all files. Two results of equal content are the same for a stage that depends on the content alone.
        public var content: String
        /// Sorted by name.
        public var files: [StoredFile]
        /// What the stage says of its result; each kind of stage has its own fields.
        public var facts: CanonicalValue
        /// What was worth a warning when it was made; told again in each run that uses the result.
        public var warnings: [String]
        /// How long it took, in milliseconds.
        public var milliseconds: Int64
    }

    public var record: Record
    /// Where it is.
    public var folder: FilePath

    public var identity: Identity { record.identity }

    /// In bytes, without holes of folders' files.
    public var size: UInt64 { record.files.reduce(0) { $0 + $1.size } }

    /// A file of the result; `nil` when there is none of that name.
    public func file(_ name: String) -> StoredFile? { record.files.first { $0.name == name } }
}

/// What a stage hands over when its folder is filled.
public struct StageContent: Sendable {
    public var facts: CanonicalValue
    public var warnings: [String]
    /// Files of which the holes are not read: raw disks, which are mostly holes.
    public var sparseFiles: Set<String>

    public init(facts: CanonicalValue = .null, warnings: [String] = [], sparseFiles: Set<String> = []) {
        self.facts = facts
        self.warnings = warnings
        self.sparseFiles = sparseFiles
    }
}

/// Where results of stages are kept, by identity. `LocalStageStore` is one in the cache.
public protocol StageStore: Sendable {
    /// The result of the stage with this identity, or of one that was found to make the same (`note`); `nil` when there is none.
    ///
    /// It has to be fast, since each run calls it for every stage of every machine.
    func result(of identity: Identity) -> StageResult?

    /// Makes sure that the result is what it was when it was made, and keeps it from being removed while this program runs. A damaged one is removed.
    ///
    /// - Parameter thoroughly: every byte is read; otherwise only what has other sizes or times than it had.
    /// - Returns: what is wrong with it, in words; `nil`: nothing.
    func damage(of result: StageResult, thoroughly: Bool) async throws -> String?

    /// Makes a result, unless another program makes it at this moment: then that one is waited for, and is the result.
    ///
    /// - Parameters:
    ///   - value: the stage in canonical form, kept beside the result.
    ///   - onWait: called before waiting for another program.
    ///   - body: fills the folder; its absolute path changes when it is done.
    /// - Throws: what `body` throws; nothing is kept then, but on request (`keepsFailures`).
    func make(
        _ identity: Identity, stage: String, value: CanonicalValue, onWait: @escaping @Sendable () -> Void,
        _ body: @escaping @Sendable (FilePath) async throws -> StageContent
    ) async throws -> StageResult

    /// Notes that the stage with this identity makes what the result is.
    func note(_ identity: Identity, makes result: StageResult) throws

    /// Waits until the results that this program made are on disk; from then on they count after a power cut.
    func reachDisk() async throws
}
