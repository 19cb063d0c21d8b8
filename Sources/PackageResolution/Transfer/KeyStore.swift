import BuildStore
import Glibc
import HostSystem
import OpenPGP
import SystemPackage

/// `<cachePath>/repositories/keys`: the public keys that gpgkey= names.
struct KeyStore: Sendable {
    var folder: FilePath
    var downloader: Downloader

    /// Seconds after which a key is fetched again. Keys change rarely, and the machines of a batch share them.
    private static let lifetime = 3600

    /// Fetches the keys of repositories; each path is returned once. Blocks.
    ///
    /// - Throws: `DownloadError` with every key that cannot be fetched and is not in the cache.
    func keys(of repositories: [Repository]) throws -> [FilePath] {
        var paths: [FilePath] = []
        var failures: [String] = []
        for repository in repositories {
            for url in repository.keys {
                do {
                    let path = try key(at: url, of: repository)
                    if !paths.contains(path) { paths.append(path) }
                } catch let error as DownloadError {
                    failures += error.failures
                }
            }
        }
        guard failures.isEmpty else { throw DownloadError(failures: failures) }
        return paths
    }

    /// Replaces the cache paths of keys in a text, such as an error, by their URLs.
    func naming(keysOf repositories: [Repository], in text: String) -> String {
        repositories.reduce(into: text) { text, repository in
            for url in repository.keys {
                guard let (path, shown) = try? place(of: url, of: repository) else { continue }
                text = text.replacing(path.string, with: "\(shown) (key of \(repository.id))")
            }
        }
    }

    /// Where a key is kept, and its URL without secrets for messages.
    private func place(of url: String, of repository: Repository) throws -> (path: FilePath, shown: String) {
        let shown = SecretMask(repository.transfer.secrets)(url)
        return (folder.appending(try Identity(stage: "key", version: 2, of: shown).short), shown)
    }

    private func key(at url: String, of repository: Repository) throws -> FilePath {
        let (path, shown) = try place(of: url, of: repository)
        if isFresh(path) && !url.lowercased().hasPrefix("file:") { return path }
        let fetched = FilePath("\(path).new.\(getpid()).\(UInt32.random(in: 0 ... .max))")
        defer { removeFile(fetched) }
        do {
            try downloader.fetch([
                Download(
                    name: "key of \(repository.id)", places: [.init(mirror: url, url: url)], destination: fetched,
                    checksums: [], size: nil, options: repository.transfer)
            ])
            // A truncated key would stay cached for an hour.
            if let reason = Self.invalidReason(of: fetched) { throw DownloadError(failures: ["key of \(repository.id): \(shown) \(reason)"]) }
            guard rename(fetched.string, path.string) == 0 else { throw Errno(rawValue: errno) }
        } catch is DownloadError where Self.invalidReason(of: path) == nil && !url.lowercased().hasPrefix("file:") {
            // Use the cached key when the key server does not answer.
        }
        return path
    }

    private func isFresh(_ path: FilePath) -> Bool {
        var status = stat()
        guard stat(path.string, &status) == 0 else { return false }
        return time(nil) - status.st_mtim.tv_sec < Self.lifetime && Self.invalidReason(of: path) == nil
    }

    /// Why a file does not have public keys; `nil` when it does. A power cut may have truncated it.
    private static func invalidReason(of path: FilePath) -> String? {
        do {
            _ = try OpenPGPCertificate.all(inFile: (try? readBytes(path)) ?? [])
            return nil
        } catch {
            return switch error {
            case .notOpenPGP: "is not an OpenPGP public key"
            case .truncated: "is truncated"
            case .damaged: "is damaged"
            }
        }
    }
}
