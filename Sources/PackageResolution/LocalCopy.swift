// Files of repositories on this host (`file:`), which the kernel copies on all cores, or shares where the file system can, before libcurl is
// asked for anything: of the demo's 180 packages (219 MB) libcurl and one thread's checksums took 0.65 s, and where nothing else is fetched
// libcurl need not even be loaded.
import BuildStore
import Foundation
import HostSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One file that may be copied, or used where it is.
struct LocalCopy: Sendable {
    let source: FilePath
    private let download: Download

    /// `nil`: it comes from elsewhere first, or more slowly on purpose.
    init?(_ download: Download) {
        guard let place = download.places.first, let url = URL(string: place.url), url.isFileURL,
            ["", "localhost"].contains(url.host ?? ""), url.query == nil, url.fragment == nil,
            download.options.maximumRate == nil
        else { return nil }
        source = FilePath(url.path)
        self.download = download
    }

    /// The file where it is.
    ///
    /// - Returns: `nil`: it is not the one that is wanted.
    func identity() -> FileIdentity? {
        guard let before = FileIdentity(source), download.size == nil || download.size == before.size,
            download.checksums.contains(where: { (try? Checksum($0.algorithm, ofFile: source)) == $0 }), FileIdentity(source) == before
        else { return nil }
        return before
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
