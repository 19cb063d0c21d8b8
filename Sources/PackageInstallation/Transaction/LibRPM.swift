// What librpm this is: its process-wide settings, the same for every job, and what it can read and do. A build with a newer librpm needs no change
// elsewhere: all of this is asked of the library at run time.
internal import CRPM
import Glibc
import HostSystem

/// Reads the configuration that rpm is installed with, without the build host's changes to it.
///
/// - Throws: `WorkerFailure`.
func configureLibRPM() throws {
    // librpm keeps the pointer for the life of the process.
    discographer_rpm_set_macro_files(strdup("/usr/lib/rpm/macros:/usr/lib/rpm/platform/%{_target}/macros"))
    guard rpmReadConfigFiles("/usr/lib/rpm/rpmrc", nil) == 0 else {
        throw WorkerFailure(
            kind: .librpm,
            message: "librpm cannot read its configuration in /usr/lib/rpm; install the package rpm-common")
    }
}

/// The abilities of the librpm that this program is linked with.
enum LibRPM {
    static var version: String { RPMVERSION.map { String(cString: $0) } ?? "" }

    /// The highest version of the package format. Version 6 came with rpm 6.0, which reads it by this tag (docs/manual/format_v6.md).
    static var packageFormat: UInt64 { knowsTag("Rpmformat") ? 6 : 4 }

    /// Whether signatures of rpm 6 (RPMTAG_OPENPGP) are read, of which a package may have several.
    static var readsManySignatures: Bool { knowsTag("Openpgp") }

    static func knowsDigest(_ algorithm: UInt32) -> Bool { rpmDigestLength(Int32(bitPattern: algorithm)) > 0 }

    /// Whether a payload can be unpacked, by the name in RPMTAG_PAYLOADCOMPRESSOR. The library says it as rpmlib() features; gzip is always there.
    static func unpacks(_ compressor: String) -> Bool {
        switch compressor {
        case "gzip": true
        case "bzip2": has("rpmlib(PayloadIsBzip2)")
        case "lzma": has("rpmlib(PayloadIsLzma)")
        case "xz": has("rpmlib(PayloadIsXz)")
        case "zstd": has("rpmlib(PayloadIsZstd)")
        default: false
        }
    }

    /// Whether the library has what a dependency on rpmlib() asks for, with its version.
    static func provides(_ requirement: rpmds) -> Bool { rpmdsSearch(features, requirement) >= 0 }

    private static func has(_ feature: String) -> Bool {
        let requirement = rpmdsSingle(rpmTagVal(RPMTAG_REQUIRENAME.rawValue), feature, "", rpmsenseFlags(RPMSENSE_RPMLIB.rawValue))
        defer { rpmdsFree(requirement) }
        return requirement.map(provides) ?? false
    }

    /// The library's own list. It lives as long as the process.
    ///
    /// Unsafe: a search moves the list's index (rpmdsSearch, rpmds.c). Only jobs of workers call librpm, each from the one thread of its process that runs the job.
    nonisolated(unsafe) private static let features: rpmds? = {
        var features: rpmds?
        rpmdsRpmlib(&features, nil)
        return features
    }()

    /// RPMTAG_NOT_FOUND is -1 in librpm 4, and the highest unsigned number in librpm 6.
    private static func knowsTag(_ name: String) -> Bool { rpmTagGetValue(name) != rpmTagVal(truncatingIfNeeded: -1) }
}
