internal import CRPM
import Foundation
import HostSystem
import OpenPGP
package import SystemPackage

/// The signatures that a package file has, also those that this librpm cannot read.
package struct PackageSignatures {
    /// Kinds that librpm cannot check, such as `ECDSA`.
    private(set) var unsupported: [String] = []
    private(set) var hasSupported = false
    /// Whether librpm refuses the package for one of them, even if no signature is asked for.
    private(set) var breaksHeader = false

    /// Reads the header of signatures, which follows the lead (docs/manual/format_v4.md of rpm).
    ///
    /// - Parameter file: open for librpm; its position is changed.
    init(in file: FD_t) {
        guard Fseek(file, Self.place, 0) == 0, let header = headerRead(file, 1) else { return }
        defer { headerFree(header) }
        // RPMSIGTAG_DSA, RPMSIGTAG_RSA, RPMSIGTAG_PGP, RPMSIGTAG_GPG.
        for tag: rpmTagVal in [267, 268, 1002, 1005] {
            for bytes in Self.values(of: tag, in: header) { add(bytes, breaksHeader: true) }
        }
        // RPMTAG_OPENPGP of rpm 6, base64 each.
        for bytes in Self.values(of: 278, in: header) {
            if LibRPM.readsManySignatures {
                add(bytes, breaksHeader: false)
            } else {
                unsupported.append(Self.kind(of: bytes, Self.formOfRPM6))
            }
        }
    }

    private static let formOfRPM6 = " in the form of rpm 6"
    /// The place of the signatures' header, behind the lead.
    static let place: off_t = 96

    /// Of a file that may be anything.
    package static func refusal(of path: FilePath) -> String? {
        guard let file = Fopen(path.string, "r.ufdio"), Ferror(file) == 0 else { return nil }
        defer { Fclose(file) }
        return PackageSignatures(in: file).refusal
    }

    private mutating func add(_ bytes: [UInt8], breaksHeader: Bool) {
        var parameters: pgpDigParams?
        let isRead = pgpPrtParams(bytes, bytes.count, UInt32(PGPTAG_SIGNATURE.rawValue), &parameters) == 0
        defer { pgpDigParamsFree(parameters) }
        guard !isRead else {
            let digest = pgpDigParamsAlgo(parameters, UInt32(PGPVAL_HASHALGO.rawValue))
            if LibRPM.knowsDigest(digest) { hasSupported = true } else { unsupported.append(Self.kind(of: bytes, " with the digest \(digest)")) }
            return
        }
        // Otherwise it is damaged.
        guard let signature = OpenPGPSignature(packet: bytes), ![1, 17, 22].contains(signature.algorithm) || !(3...4).contains(signature.version)
        else { return }
        unsupported.append(Self.kind(of: bytes, ""))
        if breaksHeader { self.breaksHeader = true }
    }

    private static func kind(of bytes: [UInt8], _ suffix: String) -> String {
        guard let signature = OpenPGPSignature(packet: bytes) else { return "an unknown kind of signature\(suffix)" }
        return (signature.algorithm.map(OpenPGPAlgorithm.name) ?? "version \(signature.version) of OpenPGP") + suffix
    }

    private static func values(of tag: rpmTagVal, in header: Header) -> [[UInt8]] {
        var data = rpmtd_s()
        guard headerGet(header, tag, &data, headerGetFlags(HEADERGET_MINMEM.rawValue)) != 0 else { return [] }
        defer { rpmtdFreeData(&data) }
        if data.type == RPM_BIN_TYPE.rawValue, let bytes = data.data {
            return [Array(UnsafeRawBufferPointer(start: bytes, count: Int(data.count)))]
        }
        var values: [[UInt8]] = []
        while let text = rpmtdNextString(&data) {
            values.append(Data(base64Encoded: String(cString: text), options: .ignoreUnknownCharacters).map(Array.init) ?? [])
        }
        return values
    }

    /// `signed with ECDSA, which librpm 4.18.0 of the build host cannot check; ...`; `nil` when it can check one, or there is none.
    var refusal: String? {
        guard !unsupported.isEmpty, !hasSupported || breaksHeader else { return nil }
        return "signed with \(Set(unsupported).sorted().joined(separator: " and ")), which librpm \(LibRPM.version) of the build host cannot check; "
            + (unsupported.contains { $0.hasSuffix(Self.formOfRPM6) }
                ? "rpm 6.0 and newer can" : "rpm 4.18 and newer can, when they are built with Sequoia")
    }
}
