internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// The file in memory that scriptlets print to. It is read and emptied after each one.
struct ScriptOutput {
    let handle: FD_t
    let descriptor: FileDescriptor

    init() throws {
        let file = discographer_memory_file("scriptlets")
        guard file >= 0, let handle = fdDup(file) else {
            throw WorkerFailure(
                kind: .librpm, message: "cannot make a file in memory for the output of scriptlets: \(Errno(rawValue: errno))")
        }
        self.handle = handle
        descriptor = FileDescriptor(rawValue: file)
    }

    /// What was printed since the last call. The middle of a long output is left out.
    mutating func take() -> String {
        let most: off_t = 1 << 19
        let size = lseek(descriptor.rawValue, 0, SEEK_END)
        var text = read(0, min(size, most))
        if size > 2 * most { text += "\n(\(size - 2 * most) bytes left out)\n" }
        if size > most { text += read(max(most, size - most), min(most, size - most)) }
        // Duplicated descriptors share the file position, so scriptlets begin at 0 again.
        ftruncate(descriptor.rawValue, 0)
        lseek(descriptor.rawValue, 0, SEEK_SET)
        return text
    }

    private func read(_ offset: off_t, _ count: off_t) -> String {
        var bytes = [UInt8](repeating: 0, count: Int(count))
        let got = pread(descriptor.rawValue, &bytes, bytes.count, offset)
        return got > 0 ? String(decoding: bytes[..<got], as: UTF8.self) : ""
    }
}
