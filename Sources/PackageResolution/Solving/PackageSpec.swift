/// One way to read a line such as `bash-5.1-2.x86_64`: libdnf's forms of a NEVRA (libdnf/nevra.cpp), glob patterns included.
struct PackageSpec: Hashable {
    var name: String
    var epoch: Int?
    /// `nil`: any; the same for the other two.
    var version: String?
    var release: String?
    var architecture: String?

    /// In the order in which dnf tries them for a request; most specific first.
    static func readings(of text: String) -> [PackageSpec] {
        [full(text), nameArchitecture(text), nameOnly(text), nameVersionRelease(text), nameVersion(text)]
            .compactMap(\.self)
    }

    /// In the order in which dnf's versionlock plugin tries them.
    static func versionLockReadings(of text: String) -> [PackageSpec] {
        [full(text), nameVersionRelease(text), nameVersion(text), nameArchitecture(text), nameOnly(text)]
            .compactMap(\.self)
    }

    var isNameOnly: Bool { epoch == nil && version == nil && release == nil && architecture == nil }

    private static func full(_ text: String) -> PackageSpec? {
        guard let (rest, architecture) = split(text, at: "."), isPlain(architecture),
            var spec = nameVersionRelease(rest)
        else { return nil }
        spec.architecture = architecture
        return spec
    }

    private static func nameArchitecture(_ text: String) -> PackageSpec? {
        guard let (name, architecture) = split(text, at: "."), isPlain(architecture), !architecture.contains("-"),
            isPlain(name)
        else { return nil }
        return PackageSpec(name: name, architecture: architecture)
    }

    private static func nameOnly(_ text: String) -> PackageSpec? { isPlain(text) ? PackageSpec(name: text) : nil }

    private static func nameVersionRelease(_ text: String) -> PackageSpec? {
        guard let (rest, release) = split(text, at: "-"), isPlain(release), var spec = nameVersion(rest) else {
            return nil
        }
        spec.release = release
        return spec
    }

    private static func nameVersion(_ text: String) -> PackageSpec? {
        guard let (name, version) = split(text, at: "-"), isPlain(name) else { return nil }
        guard let colon = version.firstIndex(of: ":") else {
            return isPlain(version) ? PackageSpec(name: name, version: version) : nil
        }
        let rest = String(version[version.index(after: colon)...])
        guard let epoch = Int(version[..<colon]), epoch >= 0, isPlain(rest) else { return nil }
        return PackageSpec(name: name, epoch: epoch, version: rest)
    }

    private static func split(_ text: String, at separator: Character) -> (String, String)? {
        guard let place = text.lastIndex(of: separator) else { return nil }
        return (String(text[..<place]), String(text[text.index(after: place)...]))
    }

    /// Whether the text can be a part of a NEVRA.
    private static func isPlain(_ text: String) -> Bool { !text.isEmpty && !text.contains { ":(/=<> ".contains($0) } }
}

extension String {
    /// Whether dnf reads the text as a glob pattern; braces alone do not make one.
    var isGlob: Bool { contains { "*[?".contains($0) } }
}
