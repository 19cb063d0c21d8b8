internal import CRPM
import HostSystem
import SystemPackage

extension PackageFile {
    /// Opens the file for librpm. The caller closes it with Fclose.
    ///
    /// What was verified must be what is installed: a file that others may write to must be the same each time it is opened, and at the end.
    ///
    /// - Throws: `WorkerFailure` of kind `signature` when it cannot be opened or has changed.
    func open() throws -> FD_t {
        // Checked before it is opened: opening a FIFO would block.
        try checkIsUnchanged()
        guard let file = Fopen(path.string, "r.ufdio"), Ferror(file) == 0 else {
            throw WorkerFailure(kind: .signature, message: "\(nevra): \(path) cannot be opened")
        }
        guard identity == nil || FileIdentity(descriptor: Fileno(file)) == identity else {
            Fclose(file)
            throw isChanged
        }
        return file
    }

    /// - Throws: `WorkerFailure` of kind `signature` when the file has changed.
    func checkIsUnchanged() throws {
        if identity != nil, FileIdentity(path) != identity { throw isChanged }
    }

    private var isChanged: WorkerFailure {
        WorkerFailure(
            kind: .signature,
            message: "\(nevra): \(path) changed during the build; build again when nothing writes to it any more")
    }
}
