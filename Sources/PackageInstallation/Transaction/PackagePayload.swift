internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// The contents of a package's files, for files that are needed before the transaction runs or that the transaction cannot put in their place.
///
/// The package has been verified already. The first file of a set of hard links has the content.
final class PackagePayload {
    private let package: PackageFile
    private let transaction: rpmts
    private let file: FD_t
    private let files: rpmfiles
    private let iterator: rpmfi

    /// - Throws: `WorkerFailure` for a file that is not a package, or whose compression librpm does not support.
    init(_ package: PackageFile) throws {
        self.package = package
        let failure = WorkerFailure(kind: .transaction, message: "\(package.path): the payload cannot be read")
        let opened = try package.open()
        transaction = rpmtsCreate()
        try PackageKeyring([]).trust(in: transaction)
        var header: Header?
        let result = rpmReadPackageFile(transaction, opened, package.path.string, &header)
        defer { headerFree(header) }
        let compression = headerGetString(header, rpmTagVal(RPMTAG_PAYLOADCOMPRESSOR.rawValue)).map { String(cString: $0) }
        // As rpm2archive(8) does. Fdopen returns the same object.
        guard [RPMRC_OK, RPMRC_NOKEY, RPMRC_NOTTRUSTED].contains(result), let file = Fdopen(opened, "r.\(compression ?? "gzip")"),
            let files = rpmfilesNew(nil, header, 0, rpmfiFlags(RPMFI_KEEPHEADER.rawValue)),
            let iterator = rpmfiNewArchiveReader(file, files, Int32(RPMFI_ITER_READ_ARCHIVE_CONTENT_FIRST.rawValue))
        else {
            Fclose(opened)
            rpmtsFree(transaction)
            throw failure
        }
        (self.file, self.files, self.iterator) = (file, files, iterator)
    }

    deinit {
        rpmfiFree(iterator)
        rpmfilesFree(files)
        Fclose(file)
        rpmtsFree(transaction)
    }

    /// Goes on to the next file that has content.
    ///
    /// - Returns: its number in the package's list of files; `nil` after the last one.
    /// - Throws: `WorkerFailure` when the payload is damaged.
    func next() throws -> Int32? {
        while true {
            let result = rpmfiNext(iterator)
            if result == Int32(RPMERR_ITER_END.rawValue) { return nil }
            guard result >= 0 else {
                throw WorkerFailure(kind: .transaction, message: "\(package.path): the payload is damaged")
            }
            if rpmfiArchiveHasContent(iterator) != 0 { return result }
        }
    }

    /// Writes the content of the file that `next` returned, after checking its digest.
    ///
    /// - Throws: `WorkerFailure`.
    func write(to output: FileDescriptor) throws {
        let name = rpmfiFN(iterator).map { String(cString: $0) } ?? ""
        guard let copy = fdDup(output.rawValue) else { throw Errno(rawValue: errno) }
        defer { Fclose(copy) }
        guard rpmfiArchiveReadToFile(iterator, copy, 0) == 0 else {
            throw WorkerFailure(kind: .transaction, message: "\(package.path): \(name) cannot be unpacked")
        }
    }

    /// The content of the file that `next` returned.
    ///
    /// - Throws: `WorkerFailure`, `Errno`.
    func bytes() throws -> [UInt8] {
        let memory = FileDescriptor(rawValue: discographer_memory_file("payload"))
        guard memory.rawValue >= 0 else { throw Errno(rawValue: errno) }
        return try memory.closeAfter {
            try write(to: memory)
            let size = try memory.seek(offset: 0, from: .end)
            return try [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
                count = try memory.read(fromAbsoluteOffset: 0, into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
    }
}
