import HostSystem
import SystemPackage
import Testing

/// Packages of other projects' test suites, each installed or refused as by rpm.
@Suite(
    "Hard packages", .enabled(if: CorpusBench.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"),
    .enabled(if: exists(CorpusBench.hardPackages), "DISCOGRAPHER_MATERIAL has no hard-rpms"))
struct HardPackagesTests {
    /// Keys that rpm imports and discographer accepts. The other keys of the material must be refused.
    static let keys = [
        "rpm-testdata-keys/rpm.org-rsa-2048-test.pub", "rpm-testdata-keys/rpm.org-ed25519-test.pub",
        "rpm-rs-assets/signing_keys/v4/rpm-testkey-v4-rsa4096.asc", "rpm-rs-assets/signing_keys/v4/rpm-testkey-v4-ed25519.asc",
    ].map { CorpusBench.hardPackages.appending($0) }

    /// One line `file gpgcheck reason` each.
    private static func differences() throws -> [String: String] {
        var reasons: [String: String] = [:]
        for line in try readText(CorpusBench.corpus.appending("hard-differences")).split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            if words.count == 3 { reasons["\(words[0]) \(words[1])"] = words[2] }
        }
        return reasons
    }

    @Test(
        "each is installed or refused as by plain rpm, with the same result", arguments: CorpusBench.asksAll ? [false, true] : [false])
    func asRPM(gpgcheck: Bool) async throws {
        let differences = try Self.differences()
        let paths = try await CorpusBench.shell("find \"$1\" -name '*.rpm' | sort", CorpusBench.hardPackages.string)
            .split(separator: "\n").map { FilePath(String($0)) }
        #expect(paths.count > 40)
        try await CorpusBench.with { folder in
            try await CorpusBench.program(CorpusBench.corpus.appending("make-stub")).run([folder.string] + paths.map(\.string))
            let others = [try await CorpusBench.file("tools"), folder.appending("stub.rpm")]
            let base = folder.appending("base")
            let judged = try await CorpusBench.installWithRPM(others, into: base)
            #expect(judged.isInstalled, "\(judged.words)")
            var unused = Set(differences.keys.filter { $0.hasSuffix(" \(gpgcheck)") })
            for (index, path) in paths.enumerated() {
                let (ours, theirs) = (folder.appending("ours-\(index)"), folder.appending("theirs-\(index)"))
                _ = try await CorpusBench.shell("cp -a \"$1\" \"$2\"", base.string, theirs.string)
                let judge = try await CorpusBench.installWithRPM([path], into: theirs, keys: Self.keys, signed: gpgcheck)
                let result = try await CorpusBench.install(
                    others + [path], into: ours, keys: Self.keys, signed: { gpgcheck && $0 == path })
                let name = String(path.string.dropFirst(CorpusBench.hardPackages.string.utf8.count + 1))
                var difference: String?
                if (result.failure == nil) != judge.isInstalled {
                    difference = "rpm: \(judge.isInstalled ? "installed" : "refused") \(judge.words)\nours: \(result.failure?.message ?? "installed")"
                } else if judge.isInstalled {
                    let (we, they) = (try await CorpusBench.list(ours), try await CorpusBench.list(theirs))
                    if we != they {
                        difference = "only ours: \(we.subtracting(they).sorted())\nonly rpm's: \(they.subtracting(we).sorted())"
                    }
                }
                if let difference, unused.remove("\(name) \(gpgcheck)") == nil { Issue.record("\(name) gpgcheck=\(gpgcheck)\n\(difference)") }
                _ = try await CorpusBench.shell("rm -rf --one-file-system \"$@\"", ours.string, theirs.string)
            }
            #expect(unused == [], "hard-differences lists what is no difference")
        }
    }
}
