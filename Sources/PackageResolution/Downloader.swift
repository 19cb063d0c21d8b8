// Getting files over http, https, ftp and file through libcurl: several at once, with failover, retries and stall detection.
public import BuildStore
internal import CCurl
import Foundation
import HostSystem
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One file that is wanted.
public struct Download: Sendable {
    /// For people: the package or the metadata file.
    public var name: String
    /// Tried in order until one gives the right bytes.
    public var urls: [String]
    public var destination: FilePath
    /// `nil` only for what has no known checksum: repomd.xml, mirror lists and keys.
    public var checksum: Checksum?
    public var size: UInt64?
    public var options: TransferOptions

    public init(
        name: String, urls: [String], destination: FilePath, checksum: Checksum?, size: UInt64?,
        options: TransferOptions
    ) {
        self.name = name
        self.urls = urls
        self.destination = destination
        self.checksum = checksum
        self.size = size
        self.options = options
    }
}

/// What could not be fetched: each file with each mirror's reason.
public struct DownloadError: Error, CustomStringConvertible {
    public var failures: [String]

    public var description: String { failures.joined(separator: "\n") }
}

/// Fetches files. A destination holds the whole, right content or does not exist.
enum Downloader {
    private static let parallelTransfers = 6

    /// curl_global_init(3) must run once, before any other thread uses the library.
    private static let initialized: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Blocks until all is there.
    ///
    /// - Parameter progress: called with each finished download.
    /// - Throws: `DownloadError` with everything that could not be had.
    static func fetch(_ downloads: [Download], progress: (Download) -> Void = { _ in }) throws {
        guard initialized, let multi = curl_multi_init() else {
            throw DownloadError(failures: ["libcurl cannot be initialized"])
        }
        defer { curl_multi_cleanup(multi) }
        _ = discographer_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, parallelTransfers)
        var waiting = downloads.reversed().map { Attempt($0) }
        var running: [UnsafeMutableRawPointer: Transfer] = [:]
        var failures: [String] = []
        defer {
            for (handle, transfer) in running {
                curl_multi_remove_handle(multi, handle)
                transfer.discard()
            }
        }
        while !waiting.isEmpty || !running.isEmpty {
            while running.count < parallelTransfers, let attempt = waiting.popLast() {
                do {
                    let transfer = try Transfer(attempt)
                    curl_multi_add_handle(multi, transfer.handle)
                    running[transfer.handle] = transfer
                } catch {
                    failures.append("\(attempt.download.name): \(error)")
                }
            }
            var active: Int32 = 0
            curl_multi_perform(multi, &active)
            var result = CURLE_OK
            while let handle = discographer_curl_multi_finished(multi, &result) {
                curl_multi_remove_handle(multi, handle)
                guard let transfer = running.removeValue(forKey: handle) else { continue }
                var attempt = transfer.attempt
                let response = discographer_curl_response_code(handle)
                if let problem = transfer.finish(result) {
                    attempt.failed(problem, mayPass: mayPass(result, response: response))
                    if attempt.advance() {
                        waiting.append(attempt)
                    } else {
                        failures.append(
                            "\(attempt.download.name) cannot be fetched:\n"
                                + attempt.problems.map { "  \($0)" }.joined(separator: "\n"))
                    }
                } else {
                    progress(attempt.download)
                }
            }
            if active > 0 { curl_multi_poll(multi, nil, 0, 200, nil) }
        }
        guard failures.isEmpty else { throw DownloadError(failures: failures) }
    }

    /// Whether the same place may have the right bytes a moment later: it could not be reached, broke off or was busy.
    private static func mayPass(_ result: CURLcode, response: Int) -> Bool {
        switch result {
        case CURLE_HTTP_RETURNED_ERROR: response == 408 || response == 429 || response >= 500
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE, CURLE_OPERATION_TIMEDOUT,
            CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            true
        default: false
        }
    }

    /// A URL for a log: without the password.
    static func redacted(_ url: String) -> String {
        guard let scheme = url.range(of: "://"), let at = url[scheme.upperBound...].firstIndex(of: "@"),
            !url[scheme.upperBound..<at].contains("/")
        else { return url }
        return url[..<scheme.upperBound] + "***" + url[at...]
    }
}

/// A download, and which of its places is tried.
private struct Attempt {
    var download: Download
    /// What is left to try. A place that may do better next time goes to the end.
    private var places: [String]
    private(set) var problems: [String] = []

    init(_ download: Download) {
        self.download = download
        places = download.urls
    }

    var url: String { places.first ?? "" }

    mutating func failed(_ problem: String, mayPass: Bool) {
        let place = places.removeFirst()
        problems.append("\(Downloader.redacted(place)): \(problem)")
        if mayPass { places.append(place) }
    }

    /// `false` when no mirror is left, or when as many attempts were made as there are mirrors and retries.
    func advance() -> Bool {
        !places.isEmpty && problems.count < download.urls.count + min(download.options.retries, Self.mostRetries)
    }

    /// yum's 10 retries are of a client that waits for one mirror at a time; a build should fail while someone looks.
    private static let mostRetries = 3
}

/// One libcurl handle with the file it writes; freed on finish or discard.
private final class Transfer {
    let attempt: Attempt
    let handle: UnsafeMutableRawPointer
    private let file: UnsafeMutablePointer<FILE>
    private let temporary: String
    private let errorBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    init(_ attempt: Attempt) throws {
        guard !attempt.download.urls.isEmpty else { throw DownloadError(failures: ["no place is known for it"]) }
        self.attempt = attempt
        try createDirectories(attempt.download.destination.removingLastComponent())
        temporary = "\(attempt.download.destination).part.\(getpid()).\(UInt32.random(in: 0 ... .max))"
        guard let file = fopen(temporary, "we") else { throw Errno(rawValue: errno) }
        guard let handle = curl_easy_init() else {
            fclose(file)
            throw Errno.noMemory
        }
        self.file = file
        self.handle = handle
        errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        let options = attempt.download.options
        set(CURLOPT_URL, attempt.url)
        _ = discographer_curl_set_output(handle, file)
        _ = discographer_curl_set_error_buffer(handle, errorBuffer)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_FAILONERROR, 1)
        set(CURLOPT_FOLLOWLOCATION, 1)
        set(CURLOPT_MAXREDIRS, 10)
        set(CURLOPT_PROTOCOLS_STR, "http,https,ftp,file")
        set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https,ftp")
        set(CURLOPT_CONNECTTIMEOUT, options.timeout)
        set(CURLOPT_LOW_SPEED_LIMIT, options.minimumRate)
        set(CURLOPT_LOW_SPEED_TIME, options.timeout)
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        set(CURLOPT_USERAGENT, "discographer")
        if let proxy = options.proxy { set(CURLOPT_PROXY, proxy) }
        if let credentials = options.proxyCredentials { set(CURLOPT_PROXYUSERPWD, credentials) }
        if let credentials = options.credentials { set(CURLOPT_USERPWD, credentials) }
        if !options.verifiesTLS {
            set(CURLOPT_SSL_VERIFYPEER, 0)
            set(CURLOPT_SSL_VERIFYHOST, 0)
        }
        if let path = options.certificateAuthority { set(CURLOPT_CAINFO, path) }
        if let path = options.clientCertificate { set(CURLOPT_SSLCERT, path) }
        if let path = options.clientKey { set(CURLOPT_SSLKEY, path) }
    }

    deinit { errorBuffer.deallocate() }

    private func set(_ option: CURLoption, _ value: Int) { _ = discographer_curl_set_long(handle, option, value) }

    private func set(_ option: CURLoption, _ value: String) { _ = discographer_curl_set_string(handle, option, value) }

    /// Puts the file in place, or says what is wrong with it.
    func finish(_ result: CURLcode) -> String? {
        let message = String(cString: errorBuffer)
        curl_easy_cleanup(handle)
        let written = fclose(file) == 0
        do {
            guard result == CURLE_OK else {
                throw DownloadError(failures: [message.isEmpty ? String(cString: curl_easy_strerror(result)) : message])
            }
            guard written else { throw Errno(rawValue: errno) }
            if let expected = attempt.download.checksum {
                let found = try Checksum(expected.algorithm, ofFile: FilePath(temporary))
                guard found == expected else {
                    throw DownloadError(failures: [
                        "wrong bytes: the checksum is \(found), the metadata says \(expected)"
                    ])
                }
            }
            guard rename(temporary, attempt.download.destination.string) == 0 else { throw Errno(rawValue: errno) }
            return nil
        } catch {
            unlink(temporary)
            return "\(error)"
        }
    }

    func discard() {
        curl_easy_cleanup(handle)
        fclose(file)
        unlink(temporary)
    }
}
