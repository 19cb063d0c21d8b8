// Message digests, made by libcrypto. What is digested, and why, is decided elsewhere.
import CCrypto
import Foundation

/// Makes one digest of bytes that come piece by piece (EVP_DigestInit(3)).
final class Digester {
    private let context: OpaquePointer

    init(_ algorithm: Checksum.Algorithm) {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, Implementation.of(algorithm).digest, nil) == 1
        else { preconditionFailure("out of memory for a digest") }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    func update(_ bytes: some ContiguousBytes) {
        bytes.withUnsafeBytes { bytes in
            precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "EVP_DigestUpdate failed")
        }
    }

    /// The digest of all bytes; the digester cannot be used after this.
    func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { digest, count in
            var size: UInt32 = 0
            precondition(EVP_DigestFinal_ex(context, digest.baseAddress, &size) == 1, "EVP_DigestFinal_ex failed")
            count = Int(size)
        }
    }

    static func digest(_ algorithm: Checksum.Algorithm, of bytes: some ContiguousBytes) -> [UInt8] {
        let digester = Digester(algorithm)
        digester.update(bytes)
        return digester.finalize()
    }
}

extension Sequence<UInt8> {
    /// Two lower-case digits a byte.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// libcrypto's digests. Unchecked: an EVP_MD does not change after EVP_MD_fetch(3), and threads may share it.
private struct Implementation: @unchecked Sendable {
    let digest: OpaquePointer

    /// A library context of its own never reads openssl.cnf. The worker makes digests while a guest's root is its root,
    /// and the guest's file could name modules to load; a host's policy could take MD5 away, which old repositories use.
    ///
    /// Unsafe: it is made once and never changes; libcrypto lets threads share a library context (OSSL_LIB_CTX(3)).
    nonisolated(unsafe) private static let library: OpaquePointer = {
        guard let library = OSSL_LIB_CTX_new(), OSSL_PROVIDER_load(library, "default") != nil
        else { preconditionFailure("libcrypto cannot load its default provider") }
        return library
    }()

    private static let md5 = Self("MD5")
    private static let sha1 = Self("SHA1")
    private static let sha256 = Self("SHA2-256")
    private static let sha384 = Self("SHA2-384")
    private static let sha512 = Self("SHA2-512")

    private init(_ name: String) {
        guard let digest = EVP_MD_fetch(Self.library, name, "-fips")
        else { preconditionFailure("the default provider of libcrypto does not have \(name)") }
        self.digest = digest
    }

    static func of(_ algorithm: Checksum.Algorithm) -> Self {
        switch algorithm {
        case .md5: md5
        case .sha1: sha1
        case .sha256: sha256
        case .sha384: sha384
        case .sha512: sha512
        }
    }
}
