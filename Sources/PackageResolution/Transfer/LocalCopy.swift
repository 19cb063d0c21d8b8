// Files of repositories on this host (`file:`), which the kernel copies on all cores, or shares where the file system can, before libcurl is
// asked for anything: of the demo's 180 packages (219 MB) libcurl and one thread's checksums took 0.65 s, and where nothing else is fetched
// libcurl need not even be loaded.
import BuildStore
import Foundation
import Glibc
import HostSystem
import SystemPackage

/// One file that may be copied, or used where it is.
struct LocalCopy: Sendable {
    private let source: FilePath
    private let download: Download

    /// `nil`: it comes from elsewhere first, or more slowly on purpose.
    init?(_ download: Download) {
        guard let place = download.places.first, let path = Self.path(of: place.url), download.options.maximumRate == nil else { return nil }
        source = path
        self.download = download
    }

    /// The place on this host that a URL names.
    private static func path(of text: String) -> FilePath? {
        guard let url = URL(string: text), url.isFileURL, ["", "localhost"].contains(url.host ?? ""), url.query == nil, url.fragment == nil
        else { return nil }
        return FilePath(url.path)
    }

    /// Whether a URL names what is there and is no regular file: a FIFO would be waited for for ever.
    static func isSpecial(_ url: String) -> Bool {
        guard let path = path(of: url) else { return false }
        var status = stat()
        return path.withPlatformString({ stat($0, &status) }) == 0 && FileIdentity(path) == nil
    }

    /// The file where it is, at the end of all links: whoever sees its folder alone finds it.
    ///
    /// - Returns: `nil`: it is not the one that is wanted.
    func package() -> LocalPackage? {
        guard let resolved = source.withPlatformString({ realpath($0, nil) }) else { return nil }
        defer { free(resolved) }
        let path = FilePath(platformString: resolved)
        guard let before = FileIdentity(path), download.size == nil || download.size == before.size,
            download.checksums.contains(where: { (try? Checksum($0.algorithm, ofFile: path)) == $0 }), FileIdentity(path) == before
        else { return nil }
        return LocalPackage(path: path, identity: before)
    }

    /// Puts the file in place.
    ///
    /// - Returns: `false`: it is not there, and nothing is left behind; who fetches it says why.
    func make() -> Bool {
        do {
            try createDirectories(download.destination.removingLastComponent())
            let isKnown = !download.checksums.isEmpty
            guard let file = try PartialFile(of: download.destination, resumes: isKnown), file.size == 0 else { return false }
            if isKnown && exists(download.destination) {
                file.remove()
                return true
            }
            do {
                try file.fill(from: source, size: download.size)
                guard try !isKnown || download.checksums.contains(where: { try Checksum($0.algorithm, ofFile: file.path) == $0 }) else {
                    file.remove()
                    return false
                }
                try file.commit()
                return true
            } catch {
                file.remove()
                return false
            }
        } catch { return false }
    }
}
