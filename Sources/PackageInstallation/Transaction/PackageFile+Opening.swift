internal import CRPM
import HostSystem
import SystemPackage

extension PackageFile {
    /// The file for librpm, which closes it (Fclose).
    ///
    /// What is verified must be what is installed: a file that others may write to has to be the same whenever it is opened, and in the end.
    ///
    /// - Throws: `WorkerFailure` of kind `signature` when it cannot be opened, or is another one than before.
    func open() throws -> FD_t {
        // Before it is opened: a FIFO would be waited for.
        try checkIsUnchanged()
        guard let file = Fopen(path.string, "r.ufdio"), Ferror(file) == 0 else {
            throw WorkerFailure(kind: "signature", message: "\(nevra): \(path) cannot be opened")
        }
        guard identity == nil || FileIdentity(descriptor: Fileno(file)) == identity else {
            Fclose(file)
            throw isChanged
        }
        return file
    }

    /// - Throws: `WorkerFailure` of kind `signature` when the file was changed meanwhile.
    func checkIsUnchanged() throws {
        if identity != nil, FileIdentity(path) != identity { throw isChanged }
    }

    private var isChanged: WorkerFailure {
        WorkerFailure(
            kind: "signature",
            message: "\(nevra): \(path) was changed while it was in use; the next build takes it as it is then, if the metadata has it so")
    }
}
