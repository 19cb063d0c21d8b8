public import HostSystem
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
        public var warnings: [Warning]
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
    public var warnings: [Warning]
    /// Files of which the holes are not read: raw disks, which are mostly holes.
    public var sparseFiles: Set<String>

    public init(facts: CanonicalValue = .null, warnings: [Warning] = [], sparseFiles: Set<String> = []) {
        self.facts = facts
        self.warnings = warnings
        self.sparseFiles = sparseFiles
    }
}
