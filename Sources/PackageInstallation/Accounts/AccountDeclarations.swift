// The accounts that packages declare: `Provides: user(NAME) = BASE64`, `group(NAME) = BASE64` and `groupmember(USER/GROUP) = BASE64`, where BASE64 is a line of
// sysusers.d(5) (rpm-sysusers(7)). rpmbuild 4.19 and newer make these provides from files in /usr/lib/sysusers.d and from %add_sysuser.
internal import CRPM
import Glibc
import SystemPackage

struct AccountDeclarations {
    /// The lines of one source, in the order of the package's provides.
    struct Source {
        /// The package's file that they are from; `nil` for %add_sysuser.
        var file: FilePath?
        var lines: [String]
    }

    private(set) var sources: [Int: [Source]] = [:]
    /// By package, the provides that look like declarations and cannot be decoded. rpm ignores them.
    private(set) var undecodable: [Int: [String]] = [:]
    /// The version of the package with systemd-sysusers, whose rules the guest has.
    private(set) var systemd: String?

    /// - Parameter number: the package's number in the job.
    mutating func add(_ header: Header?, number: Int) {
        if let name = headerGetString(header, rpmTagVal(RPMTAG_NAME.rawValue)),
            ["systemd", "systemd-standalone-sysusers"].contains(String(cString: name))
        {
            systemd = headerGetString(header, rpmTagVal(RPMTAG_VERSION.rawValue)).map { String(cString: $0) }
        }
        guard let provides = rpmdsNew(header, rpmTagVal(RPMTAG_PROVIDENAME.rawValue), 0) else { return }
        defer { rpmdsFree(provides) }
        // Made for packages with declarations only: it takes long for a package with many files.
        var files: rpmfiles?
        defer { rpmfilesFree(files) }
        while case let index = rpmdsNext(provides), index >= 0 {
            // Without a version it says only that the account is there, as for the group of a user (rpmdsIsSysuser, rpmds.c).
            guard rpmdsFlags(provides) & RPMSENSE_EQUAL.rawValue != 0, let name = rpmdsN(provides).map({ String(cString: $0) }),
                ["user(", "group(", "groupmember("].contains(where: name.hasPrefix), let version = rpmdsEVR(provides)
            else { continue }
            guard let line = Self.decode(String(cString: version)) else {
                undecodable[number, default: []].append("\(name) = \(String(cString: version))")
                continue
            }
            if files == nil { files = rpmfilesNew(nil, header, 0, 0) }
            let file = Self.file(thatProvides: index, in: files)
            var own = sources[number] ?? []
            if let known = own.firstIndex(where: { $0.file == file }) {
                own[known].lines.append(line)
            } else {
                own.append(Source(file: file, lines: [line]))
            }
            sources[number] = own
        }
    }

    /// rpm fills up the line with NUL bytes so that its base64 form does not end with `=`, which a version cannot have. Tools of others leave out the `=` instead,
    /// for which rpm ignores them; they are understood here.
    static func decode(_ text: String) -> String? {
        let filled = text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        var bytes: UnsafeMutableRawPointer?
        var count = 0
        guard text.utf8.count % 4 != 1, rpmBase64Decode(filled, &bytes, &count) == 0, let bytes else { return nil }
        defer { free(bytes) }
        return String(validating: UnsafeRawBufferPointer(start: bytes, count: count).prefix { $0 != 0 }, as: UTF8.self)
    }

    /// As findProviderFile of rpm's psm.c.
    private static func file(thatProvides provide: Int32, in files: rpmfiles?) -> FilePath? {
        guard let files else { return nil }
        for index in 0..<Int32(rpmfilesFC(files)) {
            var entries: UnsafePointer<UInt32>?
            let count = rpmfilesFDepends(files, index, &entries)
            // An entry is a letter, `P` for provides, and a position in these.
            guard let entries, (0..<Int(count)).contains(where: { entries[$0] == UInt32(UInt8(ascii: "P")) << 24 | UInt32(bitPattern: provide) }),
                let name = rpmfilesFN(files, index)
            else { continue }
            defer { free(name) }
            return FilePath(platformString: name)
        }
        return nil
    }
}
