internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// Where scriptlets print: a file in memory, read and emptied when each ends.
struct ScriptOutput {
    let handle: FD_t
    let descriptor: FileDescriptor

    init() throws {
        let file = discographer_memory_file("scriptlets")
        guard file >= 0, let handle = fdDup(file) else {
            throw WorkerFailure(
                kind: "librpm", message: "no memory for the output of scriptlets: \(Errno(rawValue: errno))")
        }
        self.handle = handle
        descriptor = FileDescriptor(rawValue: file)
    }

    /// What was printed since the last time; of much, the beginning and the end.
    mutating func take() -> String {
        let most: off_t = 1 << 19
        let size = lseek(descriptor.rawValue, 0, SEEK_END)
        var text = read(0, min(size, most))
        if size > 2 * most { text += "\n(\(size - 2 * most) bytes are left out here)\n" }
        if size > most { text += read(max(most, size - most), min(most, size - most)) }
        // Descriptors of the same open file share their place in it.
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
