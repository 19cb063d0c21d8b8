// One libcurl transfer: a handle, its options, and the file that it writes.
import BuildStore
internal import CCurl
import Glibc
import SystemPackage

/// Owns a handle of libcurl's easy interface, which is freed with this object. It must not be in the multi handle any more then.
final class Transfer {
    let handle: UnsafeMutableRawPointer
    let file: PartialFile
    /// Bytes that were in the file before.
    let resumedAt: UInt64
    private let mostBytes: UInt64
    private let errorBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var failure: TransferFailure?

    /// The limit for files without a size in the metadata: repomd.xml, mirror lists and keys are far smaller.
    static let mostBytesOfUnknownSize: UInt64 = 64 << 20

    /// - Throws: `Errno.noMemory`.
    init(_ url: String, into file: PartialFile, size: UInt64?, options: TransferOptions) throws {
        guard let handle = discographer_curl_easy_init() else { throw Errno.noMemory }
        self.handle = handle
        self.file = file
        resumedAt = file.size
        mostBytes = size ?? Self.mostBytesOfUnknownSize
        errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        _ = discographer_curl_set_error_buffer(handle, errorBuffer)
        _ = discographer_curl_set_writer(
            handle,
            { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
                return transfer.take(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
            }, Unmanaged.passUnretained(self).toOpaque())
        set(CURLOPT_URL, url)
        set(CURLOPT_NOSIGNAL, 1)
        // A cancelled build does not wait for the look-up of a name.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_FAILONERROR, 1)
        set(CURLOPT_FOLLOWLOCATION, 1)
        set(CURLOPT_MAXREDIRS, 10)
        set(CURLOPT_PROTOCOLS_STR, "http,https,ftp,file")
        set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https,ftp")
        set(CURLOPT_CONNECTTIMEOUT, options.timeout)
        set(CURLOPT_LOW_SPEED_LIMIT, options.minimumRate)
        set(CURLOPT_LOW_SPEED_TIME, options.timeout)
        // HTTP/2 where TLS offers it; further files then wait for a stream of the same connection.
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        set(CURLOPT_PIPEWAIT, 1)
        set(CURLOPT_BUFFERSIZE, 256 << 10)
        set(CURLOPT_USERAGENT, options.userAgent)
        if resumedAt > 0 {
            _ = discographer_curl_set_offset(handle, CURLOPT_RESUME_FROM_LARGE, curl_off_t(resumedAt))
        }
        if let rate = options.maximumRate {
            _ = discographer_curl_set_offset(handle, CURLOPT_MAX_RECV_SPEED_LARGE, curl_off_t(rate))
        }
        switch options.addressFamily {
        case .any: break
        case .v4: set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_V4))
        case .v6: set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_V6))
        }
        if let user = options.user {
            set(CURLOPT_USERNAME, user)
            set(CURLOPT_PASSWORD, options.password?.value ?? "")
        }
        setProxy(options)
        setTLS(options.tls)
    }

    deinit {
        discographer_curl_easy_cleanup(handle)
        errorBuffer.deallocate()
    }

    private func set(_ option: CURLoption, _ value: Int) { _ = discographer_curl_set_long(handle, option, value) }

    private func set(_ option: CURLoption, _ value: String) { _ = discographer_curl_set_string(handle, option, value) }

    private func setProxy(_ options: TransferOptions) {
        if let proxy = options.proxy { set(CURLOPT_PROXY, proxy) }
        if let user = options.proxyUser {
            set(CURLOPT_PROXYUSERNAME, user)
            set(CURLOPT_PROXYPASSWORD, options.proxyPassword?.value ?? "")
        }
        set(CURLOPT_PROXYAUTH, options.proxyAuthentication.mask)
        let tls = options.proxyTLS
        set(CURLOPT_PROXY_SSL_VERIFYPEER, tls.verifies ? 1 : 0)
        set(CURLOPT_PROXY_SSL_VERIFYHOST, tls.verifies ? 2 : 0)
        if let path = tls.certificateAuthority { set(CURLOPT_PROXY_CAINFO, path) }
        if let path = tls.clientCertificate { set(CURLOPT_PROXY_SSLCERT, path) }
        if let path = tls.clientKey { set(CURLOPT_PROXY_SSLKEY, path) }
    }

    private func setTLS(_ tls: TLSOptions) {
        set(CURLOPT_SSL_VERIFYPEER, tls.verifies ? 1 : 0)
        set(CURLOPT_SSL_VERIFYHOST, tls.verifies ? 2 : 0)
        set(CURLOPT_SSL_VERIFYSTATUS, tls.verifiesStatus ? 1 : 0)
        if let path = tls.certificateAuthority { set(CURLOPT_CAINFO, path) }
        if let path = tls.clientCertificate { set(CURLOPT_SSLCERT, path) }
        if let path = tls.clientKey { set(CURLOPT_SSLKEY, path) }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard file.size + UInt64(bytes.count) <= mostBytes else {
            failure = TransferFailure(.mirror, "it has more than the expected \(mostBytes) bytes")
            return false
        }
        do {
            try file.append(bytes)
            return true
        } catch {
            failure = TransferFailure(.host, "\(file.path) cannot be written: \(error)")
            return false
        }
    }

    /// Why a transfer that ended has failed; `nil` when everything that the server sent has arrived.
    func failure(_ result: CURLcode) -> TransferFailure? {
        if let failure { return failure }
        guard result != CURLE_OK else { return nil }
        let message = String(cString: errorBuffer)
        let words = message.isEmpty ? String(cString: discographer_curl_easy_strerror(result)) : message
        switch result {
        case CURLE_HTTP_RETURNED_ERROR:
            let code = discographer_curl_response_code(handle)
            // Request Timeout, Too Many Requests, and errors of the server (RFC 9110 §15.5, §15.6).
            return TransferFailure(code == 408 || code == 429 || code >= 500 ? .passing : .mirror, words)
        case CURLE_RANGE_ERROR, CURLE_BAD_DOWNLOAD_RESUME:
            return TransferFailure(.resumption, words)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE,
            CURLE_OPERATION_TIMEDOUT, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_HTTP2,
            CURLE_HTTP2_STREAM, CURLE_SSL_CONNECT_ERROR:
            return TransferFailure(.passing, words)
        default: return TransferFailure(.mirror, words)
        }
    }
}

/// Why a transfer failed.
struct TransferFailure {
    enum Kind {
        /// The same place may work in a moment: it could not be reached, broke off or was busy.
        case passing
        /// The place does not have the file, or has another one.
        case mirror
        /// The beginning that was there already does not fit the file of the place.
        case resumption
        /// The failure is this machine's; another place would not help.
        case host
    }

    var kind: Kind
    var words: String

    init(_ kind: Kind, _ words: String) {
        self.kind = kind
        self.words = words
    }
}

extension TransferOptions.ProxyAuthentication {
    /// CURLOPT_PROXYAUTH(3).
    fileprivate var mask: Int {
        // CURLAUTH_* are casts, which Swift does not import: curl.h.
        let (basic, digest, negotiate) = (1 << 0, 1 << 1, 1 << 2)
        let (ntlm, digestExplorer, ntlmWinbind) = (1 << 3, 1 << 4, 1 << 5)
        return switch self {
        // CURLAUTH_ANY, without Internet Explorer's digest.
        case .any: ~digestExplorer
        case .none: 0
        case .basic: basic
        case .digest: digest
        case .negotiate: negotiate
        case .ntlm: ntlm
        case .ntlmWinbind: ntlmWinbind
        case .digestExplorer: digestExplorer
        }
    }
}
