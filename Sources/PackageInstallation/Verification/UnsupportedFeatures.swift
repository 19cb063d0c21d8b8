// What a package needs of librpm that this librpm does not have: refused before anything is installed, because librpm itself would fail in the middle,
// or not notice at all.
internal import CRPM
import Foundation
import Glibc
import HostSystem
import OpenPGP
package import SystemPackage

/// %preuntrans and %postuntrans (rpm 4.19) are not in the list. They run when a package is removed, which never happens in a new root; the whole header is
/// stored in the root's database, where the guest's own rpm finds them.
package enum UnsupportedFeatures {
    /// A line for each, with the version of rpm that has the feature.
    static func of(header: Header?) -> [String] {
        guard let header else { return [] }
        var lines = formats(of: header)
        for (tag, what) in [(RPMTAG_FILEDIGESTALGO, "digests of its files"), (RPMTAG_PAYLOADDIGESTALGO, "the digest of its payload")] {
            let algorithm = UInt32(truncatingIfNeeded: headerGetNumber(header, rpmTagVal(tag.rawValue)))
            // 0: MD5, or none.
            guard headerIsEntry(header, rpmTagVal(tag.rawValue)) != 0, algorithm != 0, !LibRPM.knowsDigest(algorithm) else { continue }
            let name = digests[algorithm]
            lines.append(
                "\(what) \(what.hasPrefix("digests") ? "are" : "is") \(name?.name ?? "of the unknown kind \(algorithm)"), \(cannot("check"))"
                    + (name.map { "; \($0.has)" } ?? ""))
        }
        return lines + requirements(of: header)
    }

    /// As it is, without any check.
    ///
    /// - Parameter file: open for librpm; its position is changed.
    static func of(file: FD_t) -> [String] {
        guard Fseek(file, PackageSignatures.place, 0) == 0, let signatures = headerRead(file, 1) else { return [] }
        headerFree(signatures)
        // The header comes at the next multiple of eight bytes (docs/manual/format_v4.md of rpm), as the lead does.
        guard Fseek(file, (Ftell(file) + 7) / 8 * 8, 0) == 0, let header = headerRead(file, 1) else { return [] }
        defer { headerFree(header) }
        return of(header: header)
    }

    /// Of a file that may be anything.
    package static func of(_ path: FilePath) -> [String] {
        guard let file = Fopen(path.string, "r.ufdio"), Ferror(file) == 0 else { return [] }
        defer { Fclose(file) }
        return of(file: file)
    }

    private static func cannot(_ verb: String) -> String { "which librpm \(LibRPM.version) of the build host cannot \(verb)" }

    private static func formats(of header: Header) -> [String] {
        var lines: [String] = []
        // RPMTAG_RPMFORMAT, which this library may not know.
        let format = headerGetNumber(header, 5114)
        if format > LibRPM.packageFormat {
            lines.append("it has the package format of version \(format), \(cannot("install")); rpm \(format).0 and newer can")
        }
        func text(_ tag: rpmTag_e) -> String? { headerGetString(header, rpmTagVal(tag.rawValue)).map { String(cString: $0) } }
        if let compressor = text(RPMTAG_PAYLOADCOMPRESSOR), !LibRPM.unpacks(compressor) {
            let since = compressors[compressor].map { "; rpm \($0) and newer can, when they are built with it" } ?? ""
            lines.append("its payload is compressed with \(compressor), \(cannot("unpack"))\(since)")
        }
        if let payload = text(RPMTAG_PAYLOADFORMAT), payload != "cpio" {
            lines.append("its payload has the format \(payload), \(cannot("unpack"))" + (payload == "drpm" ? "; use the whole package" : ""))
        }
        return lines
    }

    private static func requirements(of header: Header) -> [String] {
        var lines: [String] = []
        for tag in [RPMTAG_REQUIRENAME, RPMTAG_CONFLICTNAME, RPMTAG_RECOMMENDNAME, RPMTAG_SUGGESTNAME, RPMTAG_SUPPLEMENTNAME, RPMTAG_ENHANCENAME] {
            guard let set = rpmdsNew(header, rpmTagVal(tag.rawValue), 0) else { continue }
            defer { rpmdsFree(set) }
            while rpmdsNext(set) >= 0 {
                guard let name = rpmdsN(set).map({ String(cString: $0) }) else { continue }
                if name.hasPrefix("rpmlib("), tag == RPMTAG_REQUIRENAME, !LibRPM.provides(set) {
                    let version = rpmdsEVR(set).map { String(cString: $0) } ?? ""
                    lines.append("it needs \(name)\(version.isEmpty ? "" : " \(version)"), \(cannot("do")); \(rpmFeature(name, version))")
                } else if rpmdsIsRich(set) != 0, let words = unreadable(set) {
                    lines.append("it has the dependency \(name), \(cannot("read"))\(words)")
                }
            }
        }
        return lines
    }

    /// What librpm says about a boolean dependency that it cannot read; `nil` when it can.
    private static func unreadable(_ dependency: rpmds) -> String? {
        var left: rpmds?
        var right: rpmds?
        var operation = RPMRICHOP_SINGLE
        var message: UnsafeMutablePointer<CChar>?
        let result = rpmdsParseRichDep(dependency, &left, &right, &operation, &message)
        defer { free(message) }
        guard result != RPMRC_OK else {
            rpmdsFree(left)
            rpmdsFree(right)
            return nil
        }
        return message.map { ": \(String(cString: $0))" } ?? ""
    }

    /// Which rpm has a feature.
    private static func rpmFeature(_ name: String, _ version: String) -> String {
        if let known = rpmlibFeatures[name] { return known }
        // rpm's own rule: a feature has the version of the rpm that brought it.
        let number = version.prefix { $0 != "-" }
        return number.isEmpty ? "no version of rpm.org's rpm is known to have it" : "rpm \(number) and newer may have it"
    }

    /// The features whose version is not that of the rpm that brought them (rpmds.c), and those of other rpms.
    private static let rpmlibFeatures = [
        "rpmlib(PayloadIsXz)": "rpm 4.7 and newer can", "rpmlib(PayloadIsZstd)": "rpm 4.14 and newer can, when they are built with it",
        "rpmlib(PayloadIsLzma)": "rpm 4.6 and newer can",
        "rpmlib(ShortCircuited)": "it was built with rpmbuild --short-circuit, and is not meant to be installed; build it again without that",
        "rpmlib(SetVersions)": "only the rpm of ALT Linux can", "rpmlib(PayloadIsUstar)": "only rpm 5 (rpm5.org) can",
        "rpmlib(VersionedProvides)": "only rpm 5 (rpm5.org) can",
    ]

    private static let compressors = ["bzip2": "3.0.5", "lzma": "4.6", "xz": "4.7", "zstd": "4.14"]

    /// rpmcrypto.h of rpm 6.
    private static let digests: [UInt32: (name: String, has: String)] = [
        12: ("SHA3-256", "rpm 6.0 and newer can"), 14: ("SHA3-512", "rpm 6.0 and newer can"),
        3: ("RIPEMD-160", "no rpm of today can"), 5: ("MD2", "no rpm of today can"), 6: ("TIGER-192", "no rpm of today can"),
    ]
}

/// Names of OpenPGP's public-key algorithms (RFC 9580 §9.1, and draft-ietf-openpgp-pqc).
enum OpenPGPAlgorithm {
    static func name(_ number: UInt8) -> String { names[number] ?? "the unknown algorithm \(number)" }

    private static let names: [UInt8: String] = [
        1: "RSA", 17: "DSA", 19: "ECDSA", 22: "EdDSA", 27: "Ed25519", 28: "Ed448", 30: "ML-DSA-65+Ed25519", 31: "ML-DSA-87+Ed448",
        32: "SLH-DSA-SHAKE-128s", 33: "SLH-DSA-SHAKE-128f", 34: "SLH-DSA-SHAKE-256s",
    ]
}
