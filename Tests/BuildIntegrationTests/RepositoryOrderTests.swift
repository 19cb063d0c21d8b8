import Foundation
import Testing

/// What repositories say of packages, and the packages themselves. Judges: dnf and rpm.
@Suite("Repositories and what they bring", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct RepositoryOrderTests {
    @Test("where dependencies leave a choice, packages of several repositories are installed in dnf's order")
    func order() async throws {
        try await Sandbox.withFolder { folder in
            // In neither order of names: of each repository some need others, in both directions.
            let second = ["apple", "cherry", "elder-10", "grape+", "lemon", "peach"].map { SmallPackage($0, "1", "Requires: setup") }
            let first = ["banana", "date", "elder", "fig", "grape", "zebra"].map { SmallPackage($0, "2", "Requires: setup") }
            try await SmallRepository.make(
                at: folder + "/second", second + [SmallPackage("setup"), SmallPackage("base", "1", "Requires: zebra", "Requires: apple")])
            try await SmallRepository.make(at: folder + "/first", first + [SmallPackage("knot", "1", "Requires: base", "Requires: fig")])
            let packages = (first + second).map(\.name) + ["knot"]
            let tree = try SmallRepository.tree(
                in: folder, machines: ["one": packages.sorted().joined(separator: "\n") + "\n"],
                repositories: [
                    "a": "baseurl=file://\(folder)/second\ngpgcheck=0", "b": "baseurl=file://\(folder)/first\ngpgcheck=0\npriority=50",
                ])
            _ = try await shell(
                """
                dnf --noplugins -q -y --installroot '\(folder)/dnf' --releasever 1 --setopt reposdir='\(tree)/templates/yum/repositories' \\
                    --setopt cachedir='\(folder)/dnf-cache' install \(packages.joined(separator: " ")) > /dev/null 2>&1
                """)
            let build = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
            let root = try await shell("ls -d '\(folder)'/cache/g/one/minimal-appliance/installed-packages/root").split(separator: "\n").first ?? ""
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            func order(_ root: String) async throws -> [Substring] {
                // rpm's numbers count up as packages come.
                try await shell(
                    """
                    for place in /var/lib/rpm "$HOME/.rpmdb" /usr/lib/sysimage/rpm; do
                        [ -e "\(root)$place" ] || continue
                        rpm --root '\(root)' --dbpath "$place" -qa --qf '%{DBINSTANCE} %{NAME}\\n' | sort -n | cut -d' ' -f2
                    done
                    """
                ).split(separator: "\n")
            }
            let theirs = try await order(folder + "/dnf")
            #expect(theirs.count == packages.count + 2)
            #expect(try await order(String(root)) == theirs)
        }
    }

    @Test("metadata that names another version than the package itself is refused before anything is installed")
    func otherVersion() async throws {
        try await Sandbox.withFolder { folder in
            try await SmallRepository.make(at: folder + "/r", [SmallPackage("setup"), SmallPackage("tool", "1")])
            _ = try await shell(
                """
                cd '\(folder)/r/repodata'
                file=$(ls *primary.xml.gz); old=${file%%-*}
                zcat "$file" | sed '/<name>tool</,/<\\/package>/s/ver="1" rel="1"/ver="2" rel="1"/' | gzip -n > primary.xml.gz
                new=$(sha256sum primary.xml.gz | cut -d' ' -f1); size=$(stat -c %s primary.xml.gz)
                mv primary.xml.gz "$new-primary.xml.gz"
                sed -i "/<data type=\\"primary\\">/,/<\\/data>/{s/$old/$new/g;s/<size>[0-9]*/<size>$size/}" repomd.xml
                """)
            let tree = try SmallRepository.tree(
                in: folder, machines: ["one": "tool\n"], repositories: ["r": "baseurl=file://\(folder)/r\ngpgcheck=0"])
            let build = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
            #expect(build.status == 1)
            let words = build.output + build.errors
            #expect(words.contains("tool-2-1.noarch: the file contains the package tool-1-1.noarch"), "\(words)")
            #expect(try await shell("find '\(folder)/cache/g' -name 'rpmdb*' | wc -l") == "0\n")
        }
    }
}
