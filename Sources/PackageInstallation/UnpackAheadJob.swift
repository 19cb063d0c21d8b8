// Decompression ahead of the transaction, on another core, for payloads that take long: those in xz's formats, as of el7, el8 and Fedora before 31.
// librpm gets a copy of the package whose payload is in the same format with everything stored as it is. zstd, which unpacks faster than
// memory can be copied twice, is left to librpm.
internal import CRPM
internal import CXZ
public import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A verified package, and the number under which its copy is known.
struct NumberedPackage: Codable, Sendable {
    var number: Int
    var file: PackageFile
}

public struct UnpackAheadJob: WorkerJob {
    public struct Outcome: Codable, Sendable {}

    public static let name = "unpack-ahead"

    /// In the order in which they are wanted.
    var packages: [NumberedPackage]
    /// For the copies; who no longer needs one removes it.
    var folder: FilePath

    public var isolation: Isolation {
        var isolation = Isolation(
            writablePaths: [folder], readablePaths: Array(Set(packages.map { $0.file.path.removingLastComponent() })))
        isolation.hidesHost = true
        return isolation
    }

    /// What may lie there at once: more than any package of a distribution but a few, and no burden for a host that builds.
    private static let mostBytes: Int64 = 512 << 20
    private static let pauseMicroseconds: UInt32 = 5000

    static func place(of number: Int, in folder: FilePath) -> FilePath { folder.appending("\(number).rpm") }

    /// Whether it pays for a package.
    static func isFor(_ header: Header?) -> Bool {
        guard let compressor = headerGetString(header, rpmTagVal(RPMTAG_PAYLOADCOMPRESSOR.rawValue)) else { return false }
        return ["xz", "lzma"].contains(String(cString: compressor))
    }

    /// Says `WorkerEvent.done` of the number of each package whose copy is there.
    ///
    /// - Throws: `WorkerFailure`, `Errno`: the packages themselves are as good.
    public func run(reporting: WorkerReporter) throws -> Outcome {
        try configureLibRPM()
        for package in packages {
            while try bytesThere() > Self.mostBytes { usleep(Self.pauseMicroseconds) }
            let place = Self.place(of: package.number, in: folder)
            let partial = FilePath("\(place).partial")
            let file = try FileDescriptor.open(
                partial, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
            try file.closeAfter { try copy(package.file, to: file) }
            guard rename(partial.string, place.string) == 0 else { throw Errno(rawValue: errno) }
            reporting.done("\(package.number)")
        }
        return Outcome()
    }

    private func bytesThere() throws -> Int64 {
        var bytes: Int64 = 0
        try walk(folder) { _, status in if status.st_mode & S_IFMT == S_IFREG { bytes += Int64(status.st_size) } }
        return bytes
    }

    private func copy(_ package: PackageFile, to output: FileDescriptor) throws {
        let failure = WorkerFailure(kind: "transaction", message: "\(package.path) cannot be unpacked")
        let transaction: rpmts = rpmtsCreate()
        defer { rpmtsFree(transaction) }
        // Verified already, by the machine's keys.
        try PackageKeyring([]).trust(in: transaction)
        let opened = try package.open()
        var header: Header?
        let result = rpmReadPackageFile(transaction, opened, package.path.string, &header)
        headerFree(header)
        let payload = lseek(Fileno(opened), 0, SEEK_CUR)
        guard [RPMRC_OK, RPMRC_NOKEY, RPMRC_NOTTRUSTED].contains(result), payload > 0 else {
            Fclose(opened)
            throw failure
        }
        let before = [UInt8](unsafeUninitializedCapacity: Int(payload)) { buffer, count in
            count = max(0, pread(Fileno(opened), buffer.baseAddress, buffer.count, 0))
        }
        guard before.count == Int(payload), let stream = Fdopen(opened, "r.xzdio") else {
            Fclose(opened)
            throw failure
        }
        defer { Fclose(stream) }
        try output.writeAll(before)
        guard let stored = discographer_stored_xz_begin(output.rawValue) else { throw Errno(rawValue: errno) }
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { chunk.deallocate() }
        var got = 0
        repeat {
            got = Fread(chunk.baseAddress, 1, chunk.count, stream)
            if got > 0, discographer_stored_xz_add(stored, chunk.baseAddress, got) != 0 { got = -1 }
        } while got > 0
        guard discographer_stored_xz_end(stored, got == 0 ? 1 : 0) == 0, got == 0 else { throw failure }
    }
}
