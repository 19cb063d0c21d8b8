// Works ahead of the transaction on another core, while librpm waits for scriptlets or writes files. For most packages it makes the files (PreparedFiles); for
// others it makes a copy of the package whose payload is in the same format, but stored uncompressed. Measured in turns on two idle cores: with copies
// alone, CentOS 7.6's 275 packages (xz) took 9.1 s instead of 13.9, and writing the files of the demo's 179 packages (zstd) 2.7 s instead of 3.1
// (medians of three). With files as well, the latter took 2.0 s instead of 3.2 (medians of six).
internal import CRPM
import Foundation
import Glibc
public import HostSystem
import SystemPackage

/// A verified package and its number in the job.
struct NumberedPackage: Codable, Sendable {
    var number: Int
    var file: PackageFile
    /// Whether to make its files (`PreparedFiles`), or a copy of the package.
    var asFiles: Bool
}

public struct UnpackAheadJob: WorkerJob {
    public struct Outcome: Codable, Sendable {}

    public static let name = "unpack-ahead"

    /// In the order of installation.
    var packages: [NumberedPackage]
    /// Where the copies go. Their user removes each one after use.
    var folder: FilePath

    public var isolation: Isolation {
        var isolation = Isolation(
            writablePaths: [folder], readablePaths: Array(Set(packages.map { $0.file.path.removingLastComponent() })))
        isolation.hidesHost = true
        return isolation
    }

    /// The most that copies may take at once: enough for all but the very largest packages of a distribution, and little for a build host.
    private static let mostBytes: Int64 = 512 << 20
    private static let pauseMicroseconds: UInt32 = 5000

    static func place(of number: Int, in folder: FilePath) -> FilePath { folder.appending("\(number).rpm") }

    /// Whether the unpacked package leaves enough free space for scriptlets until its turn.
    static func hasRoom(for header: Header?, in folder: FilePath) -> Bool {
        var room = statvfs()
        guard statvfs(folder.string, &room) == 0 else { return false }
        let free = UInt64(room.f_bavail) * UInt64(room.f_frsize)
        return free > UInt64(mostBytes) && size(of: header) < free - UInt64(mostBytes)
    }

    private static func size(of header: Header?) -> UInt64 {
        // Packages of more than 4 GiB have the second tag.
        [RPMTAG_SIZE, RPMTAG_LONGSIZE].map { headerGetNumber(header, rpmTagVal($0.rawValue)) }.max() ?? 0
    }

    /// The compressor of the package's payload; `nil` when a copy is not worth it.
    static func format(of header: Header?) -> StoredPayload.Format? {
        guard size(of: header) < mostBytes else { return nil }
        return headerGetString(header, rpmTagVal(RPMTAG_PAYLOADCOMPRESSOR.rawValue)).flatMap { StoredPayload.Format(rawValue: String(cString: $0)) }
    }

    /// Sends `WorkerEvent.done` with the number of each package whose files or copy are complete.
    ///
    /// - Throws: `WorkerFailure`, `Errno`. The packages can be installed all the same.
    public func run(reporting: WorkerReporter) throws -> Outcome {
        // Scriptlets come first: the installation does not wait for this work.
        runWhenIdle()
        try configureLibRPM()
        var copies: Set<Int> = []
        for package in packages where !exists(PreparedFiles.mark(of: package.number, in: folder)) {
            let place = package.asFiles ? PreparedFiles.place(of: package.number, in: folder) : Self.place(of: package.number, in: folder)
            let partial = FilePath("\(place).partial")
            do {
                if package.asFiles {
                    try createDirectories(partial)
                    try PreparedFiles.write(package.file, to: partial)
                } else {
                    while bytes(of: copies) > Self.mostBytes { usleep(Self.pauseMicroseconds) }
                    let file = try FileDescriptor.open(
                        partial, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
                    try file.closeAfter { try copy(package.file, to: file) }
                    copies.insert(package.number)
                }
            } catch {
                // librpm may need the space.
                try? FileManager.default.removeItem(atPath: partial.string)
                // librpm will report what is wrong with this package. The next ones may be good.
                guard error is WorkerFailure else { throw error }
                continue
            }
            guard rename(partial.string, place.string) == 0 else { throw Errno(rawValue: errno) }
            reporting.done("\(package.number)")
        }
        return Outcome()
    }

    /// The size of the copies that still exist.
    private func bytes(of copies: Set<Int>) -> Int64 {
        copies.reduce(0) { bytes, number in
            var status = stat()
            return lstat(Self.place(of: number, in: folder).string, &status) == 0 ? bytes + Int64(status.st_size) : bytes
        }
    }

    private func copy(_ package: PackageFile, to output: FileDescriptor) throws {
        let failure = WorkerFailure(kind: .transaction, message: "\(package.path) cannot be unpacked")
        let transaction: rpmts = rpmtsCreate()
        defer { rpmtsFree(transaction) }
        // The package has been verified already, with the machine's keys.
        try PackageKeyring([]).trust(in: transaction)
        let opened = try package.open()
        var header: Header?
        let result = rpmReadPackageFile(transaction, opened, package.path.string, &header)
        let format = Self.format(of: header)
        let hasRoom = Self.hasRoom(for: header, in: folder)
        headerFree(header)
        let payload = lseek(Fileno(opened), 0, SEEK_CUR)
        guard [RPMRC_OK, RPMRC_NOKEY, RPMRC_NOTTRUSTED].contains(result), payload > 0, hasRoom, let format else {
            Fclose(opened)
            throw failure
        }
        let before = [UInt8](unsafeUninitializedCapacity: Int(payload)) { buffer, count in
            count = max(0, pread(Fileno(opened), buffer.baseAddress, buffer.count, 0))
        }
        guard before.count == Int(payload), let stream = Fdopen(opened, "r.\(format.reader)") else {
            Fclose(opened)
            throw failure
        }
        defer { Fclose(stream) }
        try output.writeAll(before)
        var stored = try StoredPayload(format, to: output)
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { chunk.deallocate() }
        while case let got = Fread(chunk.baseAddress, 1, chunk.count, stream), got != 0 {
            guard got > 0 else { throw failure }
            try stored.add(UnsafeRawBufferPointer(rebasing: chunk[..<got]))
        }
        try stored.end()
    }
}
