import Glibc
import SystemPackage

extension ConfigurationReader {
    /// Looks at all that a layer would put into a root: reports what cannot be read, what a checkout left incomplete, and what a layer cannot hold.
    func checkContent(ofLayer folder: FilePath) {
        guard begins(folder) else { return }
        checkContent(of: folder, top: folder)
    }

    private func checkContent(of folder: FilePath, top: FilePath) {
        guard let stream = folder.withPlatformString({ opendir($0) }) else { return reportUnreadable(folder, Errno(rawValue: errno)) }
        var names: [[CChar]] = []
        errno = 0
        while let entry = readdir(stream) {
            names.append(withUnsafeBytes(of: &entry.pointee.d_name) { $0.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0] })
            errno = 0
        }
        if errno != 0 { reportUnreadable(folder, Errno(rawValue: errno)) }
        defer { closedir(stream) }
        let dot = CChar(bitPattern: UInt8(ascii: "."))
        // Hidden names directly in a layer stay out of the root.
        let wanted = names.filter { folder == top ? $0[0] != dot : $0 != [dot, 0] && $0 != [dot, dot, 0] }
        for name in wanted.sorted(by: { strcmp($0, $1) < 0 }) {
            guard let component = FilePath.Component(platformString: name) else { continue }
            if component.string == ".git" {
                report(
                    .warning, folder.appending(component), "belongs to Git and becomes a part of the machine",
                    hint: "check a submodule out elsewhere and copy its files in a generator scriptlet")
            }
            check(folder.appending(component), name, in: dirfd(stream), top: top)
        }
    }

    private func check(_ path: FilePath, _ name: [CChar], in folder: Int32, top: FilePath) {
        var status = stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return reportUnreadable(path, Errno(rawValue: errno)) }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: checkContent(of: path, top: top)
        case S_IFREG: checkFile(path, name, in: folder, size: Int(status.st_size))
        case S_IFLNK:
            if target(of: path).contains(".git/annex/objects/") {
                report(
                    .error, path, "a link into git-annex's store, which the machine will not have", hint: "run 'git annex unlock' in the checkout")
            }
        case S_IFIFO: break
        case S_IFCHR, S_IFBLK: report(.error, path, "a device", hint: "use the machine's 'devices' file")
        default: report(.error, path, "a socket", hint: "expected files, folders, links and FIFOs")
        }
    }

    private func checkFile(_ path: FilePath, _ name: [CChar], in folder: Int32, size: Int) {
        // Opening says whether it can be read; the kernel alone knows.
        let opened = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard opened >= 0 else { return reportUnreadable(path, Errno(rawValue: errno)) }
        do {
            if let standIn = try StandInContent(FileDescriptor(rawValue: opened)) {
                report(.error, path, standIn.message, hint: standIn.cure)
            } else if size > 2, size < 256, let target = textOfLink(path), target.contains("/"), !target.contains(where: \.isWhitespace) {
                report(.linkAsText(path, target: target, .warning))
            }
        } catch { reportUnreadable(path, error as? Errno ?? .ioError) }
    }
}
