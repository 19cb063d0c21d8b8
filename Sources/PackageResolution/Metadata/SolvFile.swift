// Metadata in libsolv's own format, which the pool reads instead of XML.
import BuildStore
internal import CSolv
import Glibc
import HostSystem
import SystemPackage

/// One part of a repository's metadata as libsolv writes it. It is made once per content, and its checksum is checked before each use.
struct SolvFile: Sendable {
    enum Part: Hashable, Sendable {
        case primary, filelists
        /// Only the wanted files of filelists.xml.
        case files(WantedFiles)

        /// The type in repomd.xml.
        var type: String { self == .primary ? "primary" : "filelists" }
    }

    let path: FilePath
    /// What it was made from and by which libsolv: another version may read the same XML differently.
    private let origin: String

    /// To be raised when `MetadataStore.make` writes something else into the file.
    private static let version = 1

    fileprivate init(_ part: Part, of metadata: RepositoryMetadata, in folder: FilePath) throws {
        let checksum = metadata.files[part.type]?.checksum.hexadecimal ?? ""
        // Lists of files refer to packages by their numbers in primary.xml.
        var key = part == .primary ? checksum : "\(metadata.contentKey)-\(checksum)"
        var name = part.type
        if case .files(let wanted) = part {
            key = try wanted.name(with: key)
            name = "files"
        }
        path = folder.appending("\(key)-\(name).solv")
        origin = "discographer \(Self.version) libsolv \(LIBSOLV_VERSION_STRING) \(key)"
    }

    /// Adds the content of the file to the repository.
    ///
    /// - Returns: `false` when the file cannot be read.
    func add(to repo: UnsafeMutablePointer<Repo>, flags: Int32 = 0) -> Bool {
        guard let stream = fopen(path.string, "re") else { return false }
        defer { fclose(stream) }
        discographer_read_alone(stream)
        return repo_add_solv(repo, stream, flags) == 0
    }

    /// Whether the file is there, has this origin, and is as it was written. libsolv checks little of what it reads.
    fileprivate var isIntact: Bool {
        guard let descriptor = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else { return false }
        let end = try? descriptor.closeAfter { () throws -> (length: Int64, text: String) in
            let footer = Int64(Self.footer(String(repeating: "0", count: Self.digestLength), origin).utf8.count)
            let length = try descriptor.seek(offset: 0, from: .end) - footer
            guard length > 0 else { throw Errno.invalidArgument }
            let bytes = try [UInt8](unsafeUninitializedCapacity: Int(footer)) { buffer, count in
                count = try descriptor.read(fromAbsoluteOffset: length, into: UnsafeMutableRawBufferPointer(buffer))
            }
            return (length, String(decoding: bytes, as: UTF8.self))
        }
        guard let end, end.text.hasSuffix("\(origin)\n"),
            let digest = try? Checksum(.sha256, ofFile: path, length: end.length).hexadecimal
        else { return false }
        return end.text == Self.footer(digest, origin)
    }

    /// Writes the file atomically.
    ///
    /// - Returns: `false` when it cannot be written.
    fileprivate func write(_ content: (UnsafeMutablePointer<FILE>) -> Int32) -> Bool {
        let temporary = FilePath("\(path).new.\(getpid()).\(UInt32.random(in: 0 ... .max))")
        defer { removeFile(temporary) }
        guard let stream = fopen(temporary.string, "we") else { return false }
        let written = content(stream) == 0
        guard fclose(stream) == 0, written, let digest = try? Checksum(.sha256, ofFile: temporary).hexadecimal,
            let end = try? FileDescriptor.open(temporary, .writeOnly, options: [.append, .closeOnExec]),
            (try? end.closeAfter { try end.writeAll(Self.footer(digest, origin).utf8) }) != nil
        else { return false }
        return rename(temporary.string, path.string) == 0
    }

    /// It follows libsolv's own data, whose end libsolv knows.
    private static func footer(_ digest: String, _ origin: String) -> String { "\(digest) \(origin)\n" }

    /// The length of a SHA-256 in hexadecimal.
    private static let digestLength = 64
}

extension MetadataStore {
    /// The files of several repositories; missing ones are made, each on a thread of its own. `nil` for a repository without such metadata,
    /// or when the file cannot be written.
    ///
    /// - Throws: `DownloadError`, `ResolutionError` for metadata that cannot be fetched or read.
    func solvFiles(_ part: SolvFile.Part, of repositories: [RepositoryMetadata]) throws -> [SolvFile?] {
        let files = try repositories.map { metadata in
            metadata.files[part.type] == nil ? nil : try SolvFile(part, of: metadata, in: folder)
        }
        let isIntact = concurrently(files) { $0?.isIntact ?? true }
        let missing = repositories.indices.filter { !isIntact[$0] }
        // Fetch all of them at once; `make` would fetch them one by one.
        try fetch(missing.map { (part.type, repositories[$0]) })
        let made = try concurrently(missing) { index in
            try files[index].map { try make($0, part, of: repositories[index]) } ?? false
        }
        let unwritable = Set(zip(missing, made).lazy.filter { !$0.1 }.map(\.0))
        return files.indices.map { unwritable.contains($0) ? nil : files[$0] }
    }

    /// Uses a pool of its own, so that the XML leaves neither memory nor other ids in the pool that solves. The transaction is the same
    /// either way.
    private func make(_ file: SolvFile, _ part: SolvFile.Part, of metadata: RepositoryMetadata) throws -> Bool {
        let pool = try SolvPool()
        // `repo` and the writer are of the pool.
        defer { withExtendedLifetime(pool) {} }
        let repo = try pool.addRepository(metadata.repository.id)
        if part != .primary {
            guard let primary = try solvFiles(.primary, of: [metadata])[0], primary.add(to: repo) else { return false }
        }
        let before = repo.pointee.nrepodata
        try readXML(part, of: metadata, into: repo)
        guard let writer = repowriter_create(repo) else { throw Errno.noMemory }
        defer { repowriter_free(writer) }
        repowriter_set_keyfilter(writer, SolvFile.keyFilter, nil)
        if part != .primary {
            repowriter_set_repodatarange(writer, before, repo.pointee.nrepodata)
            repowriter_set_flags(writer, REPOWRITER_NO_STORAGE_SOLVABLE)
        }
        return file.write { repowriter_write(writer, $0) }
    }

    /// - Throws: `DownloadError`, `ResolutionError` for metadata that cannot be fetched or read.
    func readXML(
        _ part: SolvFile.Part, of metadata: RepositoryMetadata, into repo: UnsafeMutablePointer<Repo>
    ) throws {
        guard let path = try file(part.type, of: metadata) else { return }
        guard let stream = solv_xfopen(path.string, "r") else { throw Errno(rawValue: errno) }
        defer { fclose(stream) }
        let result: Int32
        switch part {
        case .primary: result = repo_add_rpmmd(repo, stream, nil, 0)
        // The "language" FL is libsolv's name for the lists of files.
        case .filelists: result = repo_add_rpmmd(repo, stream, "FL", SolvFile.extensionFlags)
        case .files(let wanted):
            guard var kept = wanted.filter({ fread($0.baseAddress, 1, $0.count, stream) }) else {
                return try readXML(.filelists, of: metadata, into: repo)
            }
            guard ferror(stream) == 0, let text = fmemopen(&kept, kept.count, "r") else { throw Errno(rawValue: errno) }
            defer { fclose(text) }
            result = repo_add_rpmmd(repo, text, "FL", SolvFile.extensionFlags)
        }
        guard result == 0 else {
            throw ResolutionError(problems: [
                "\(part.type) metadata of \(metadata.repository.id) cannot be read: "
                    + String(cString: pool_errstr(repo.pointee.pool))
            ])
        }
    }
}

extension SolvFile {
    /// Drops the half of primary.xml that is never used here, so that the file is read faster and takes less memory.
    fileprivate static let keyFilter:
        @convention(c) (UnsafeMutablePointer<Repo>?, UnsafeMutablePointer<Repokey>?, UnsafeMutableRawPointer?) -> Int32 = {
            repo, key, data in
            if let key, unused.contains(UInt32(bitPattern: key.pointee.name)) { return Int32(KEY_STORAGE_DROPPED) }
            return repo_write_stdkeyfilter(repo, key, data)
        }

    private static let unused: Set<UInt32> = Set(
        [
            SOLVABLE_SUMMARY, SOLVABLE_DESCRIPTION, SOLVABLE_URL, SOLVABLE_LICENSE, SOLVABLE_GROUP, SOLVABLE_PACKAGER,
            SOLVABLE_BUILDTIME, SOLVABLE_BUILDHOST, SOLVABLE_HEADEREND, SOLVABLE_SOURCENAME, SOLVABLE_SOURCEARCH,
            SOLVABLE_SOURCEEVR, SOLVABLE_VENDOR,
        ].map(\.rawValue))

    /// For data about solvables that are there already; its strings stay out of the pool.
    static let extensionFlags = Int32(REPO_EXTEND_SOLVABLES) | Int32(REPO_LOCALPOOL)
}
