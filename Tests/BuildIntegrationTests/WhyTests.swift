import Foundation
import Testing

/// Why packages are there. Each step of a chain is judged by rpm (who requires and who provides a capability) and its end by dnf:
/// without the line that asked the package is not installed.
@Suite("discographer why, and resolve", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct WhyTests {
    private static let packages = [
        SmallPackage("setup"), SmallPackage("webapp", "2.0", "Requires: libfoo >= 2", "Requires: webserver"),
        SmallPackage("libfoo", "2.1", "Requires: libssl"), SmallPackage("libfoo", "1.0"),
        SmallPackage("nginx", "1", "Provides: webserver", "Requires: libssl = 3", "Recommends: nginx-docs"),
        SmallPackage("apache", "1", "Provides: webserver", "Requires: libssl = 3"), SmallPackage("libssl", "3"),
        SmallPackage("libssl", "1"), SmallPackage("nginx-docs", "1", "Requires: fonts"), SmallPackage("fonts"),
        SmallPackage("translation", "1", "Supplements: libfoo"), SmallPackage("oldtool"),
        SmallPackage("successor", "1", "Obsoletes: oldtool < 5"), SmallPackage("foe", "1", "Conflicts: libssl"),
        SmallPackage("barred"), SmallPackage("unneeded"),
    ]

    private func makeTree(_ folder: String, weak: Int) async throws -> String {
        try await SmallRepository.make(at: folder + "/base", Self.packages)
        return try SmallRepository.tree(
            in: folder, machines: ["one": "webapp\nsuccessor\n-apache\n"], group: "setup\n",
            repositories: ["base": "baseurl=file://\(folder)/base"],
            configuration: "install_weak_deps=\(weak)\nexclude=barred\n")
    }

    private func why(_ tree: String, _ folder: String, _ packages: String...) async throws -> [[String: Any]] {
        let run = try await Sandbox.discographer(
            ["why", "--json", "--chains", "9", "-c", tree, "-s", folder + "/cache", "g/one"] + packages)
        return try run.output.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
    }

    @Test("chains hold in rpm's eyes, step by step, and weak links are marked")
    func chains() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder, weak: 1)
            for answer in try await why(tree, folder, "libssl", "fonts", "webserver", "webapp") {
                let installed = try #require((answer["installed"] as? [[String: Any]])?.first)
                let chains = try #require(installed["chains"] as? [[String: Any]])
                #expect(!chains.isEmpty)
                for chain in chains {
                    let packages = try #require(chain["packages"] as? [String])
                    let needs = try #require(chain["needs"] as? [[String: Any]])
                    #expect(packages.last == installed["package"] as? String)
                    #expect(needs.count == packages.count - 1)
                    for (index, need) in needs.enumerated() {
                        let capability = try #require((need["capabilities"] as? [String])?.first)
                        let query = need["strength"] as? String == "requires" ? "--requires" : "--recommends"
                        let asks = try await shell("rpm -qp \(query) '\(folder)/base/\(packages[index]).rpm'")
                        #expect(asks.split(separator: "\n").map(String.init).contains(capability), "\(packages[index]): \(asks)")
                        let name = capability.prefix { $0 != " " }
                        let gives = try await shell("rpm -qp --provides '\(folder)/base/\(packages[index + 1]).rpm'")
                        #expect(gives.split(separator: "\n").contains { $0.prefix { $0 != " " } == name }, "\(gives)")
                    }
                }
                let lengths = chains.map { ($0["weak"] as? Bool == true ? 100 : 0) + (($0["packages"] as? [String])?.count ?? 0) }
                #expect(lengths == lengths.sorted())
                let expected = ["libssl": [3, 3], "fonts": [104], "webserver": [2], "webapp": [1]]
                #expect(lengths == expected[answer["asked"] as? String ?? ""])
            }
            let text = try await Sandbox.discographer(["why", "-c", tree, "-s", folder + "/cache", "g/one", "fonts", "translation"])
            #expect(text.status == 0)
            for line in [
                "g/one: fonts-1-1.noarch is installed because\n  1. g/machines/one/packages:1 asks for 'webapp'\n",
                "     webapp-2.0-1.noarch requires 'webserver'\n     nginx-1-1.noarch recommends 'nginx-docs' (weak)\n",
                "supplements 'libfoo' (weak)\n     translation-1-1.noarch\n",
            ] { #expect(text.output.contains(line), "\(line)\nin\n\(text.output)") }
            let before = try await dnf("webapp successor --exclude=apache", folder)
            #expect(before.contains("fonts") && before.contains("translation"))
            #expect(!(try await dnf("successor", folder)).contains("fonts"))
        }
    }

    private static let absences = [
        ("apache", "one/packages:3 forbids it"), ("barred", "yum.conf.template:3 excludes 'barred'"),
        ("oldtool", "successor-1-1.noarch obsoletes 'oldtool < 5'"), ("foe", "it conflicts with 'libssl': libssl-3-1.noarch"),
        ("unneeded", "nothing in the transaction needs it"), ("libssl-1", "libssl-3-1.noarch (base) was chosen: it is newer"),
        ("nginx-docs", "nginx-1-1.noarch recommends it, but install_weak_deps=0 (yum.conf.template:2)"),
        ("translation", "it supplements libfoo-2.1-1.noarch, but install_weak_deps=0"),
        ("fnots", "no repository has 'fnots'; did you mean 'fonts'?"),
    ]

    @Test("what is not installed: the reason; and dnf does not install it either")
    func absences() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder, weak: 0)
            let names = try await dnf("webapp successor --setopt=install_weak_deps=0 --exclude=apache,barred", folder)
            for (package, reason) in Self.absences {
                let run = try await Sandbox.discographer(["why", "-c", tree, "-s", folder + "/cache", "g", package])
                #expect(run.status == 1)
                #expect(run.output.contains(reason), "\(package): \(run.output)\(run.errors)")
                #expect(!names.contains(package == "libssl-1" ? "libssl-1" : package))
            }
        }
    }

    @Test("resolve's table and JSON have dnf's packages, each with a reason")
    func table() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await makeTree(folder, weak: 1)
            let names = try await dnf("webapp successor setup --exclude=apache,barred", folder)
            let table = try await Sandbox.discographer(["resolve", "-c", tree, "-s", folder + "/cache", "g"])
            let rows = table.output.split(separator: "\n").dropFirst(2)
            let nevras = rows.compactMap { $0.split(separator: " ").first }
            #expect(Set(nevras.map { $0.split(separator: "-").dropLast(2).joined(separator: "-") }) == names, "\(table.output)")
            // Columns line up: the titles stand where the fields begin.
            let titles = try #require(table.output.split(separator: "\n").dropFirst().first)
            for title in ["REPOSITORY", "WHY"] {
                let column = titles.distance(from: titles.startIndex, to: try #require(titles.range(of: title)).lowerBound)
                for row in rows {
                    let characters = Array(row)
                    #expect(characters[column] != " " && characters[column - 1] == " ", "\(title) in \(row)")
                }
            }
            for reason in ["g/machines/one/packages:1", "needed by webapp", "recommended by nginx", "goes with libfoo", "g/packages:1"] {
                #expect(table.output.contains("  \(reason)"), "\(reason) in \(table.output)")
            }
            let json = try await Sandbox.discographer(["resolve", "--json", "-c", tree, "-s", folder + "/cache", "g"])
            let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            let packages = try #require(object?["packages"] as? [[String: Any]])
            #expect(Set(packages.compactMap { $0["name"] as? String }) == names)
            for package in packages {
                let reasons = (package["askedBy"] as? [Any] ?? []).count + (package["neededBy"] as? [Any] ?? []).count
                #expect(reasons > 0, "\(package)")
            }
        }
    }

    /// The names that dnf would install.
    private func dnf(_ arguments: String, _ folder: String) async throws -> Set<String> {
        let configuration = "[main]\ncachedir=\(folder)/dnf\nreposdir=\(folder)/none\nplugins=0\n[base]\nbaseurl=file://\(folder)/base\n"
        try configuration.write(toFile: folder + "/dnf.conf", atomically: true, encoding: .utf8)
        let output = try await run(
            ["bash", "-c", "dnf --config='\(folder)/dnf.conf' --installroot='\(folder)/root' --releasever=1 --assumeno install \(arguments)"]
        ).output
        let rows = output.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count >= 5 && $0[1] == "noarch" }
        return Set(rows.map { String($0[0]) })
    }
}
