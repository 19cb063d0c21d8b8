import Foundation
import Testing

@Suite("Scriptlets that ask for packages", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct ScriptletQueryTests {
    /// What is installed between two scriptlets is written to the database at once.
    @Test("find each one that was installed before them, and their own")
    func query() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet + "rpm\n", machine: Sandbox.noBootLoader)
            _ = try await shell(
                """
                cd '\(folder)'
                printf 'Name: asks\\nVersion: 1\\nRelease: 1\\nSummary: x\\nLicense: none\\nBuildArch: noarch\\nRequires(post): rpm bash\\n%%description\\nx\\n%%files\\n%%post\\nrpm --dbpath /var/lib/rpm -q setup bash rpm asks > /asked\\n' > asks.spec
                rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD" asks.spec 2>&1
                mkdir '\(tree)/test/machines/one/rpms'; mv noarch/*.rpm '\(tree)/test/machines/one/rpms/'
                """)
            let cache = folder + "/cache"
            let built = try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"])
            #expect(built.status == 0, "\(built.output)\(built.errors)")
            let root = try await shell("ls -d '\(cache)'/test/one/minimal-appliance/installed-packages/root").trimmingCharacters(in: .newlines)
            let judge = try await shell("rpm --root '\(root)' --dbpath /var/lib/rpm -q setup bash rpm asks")
            #expect(try await shell("cat '\(root)/asked'") == judge)
            #expect(judge.contains("asks-1-1.noarch") && !judge.contains("not installed"), "\(judge)")
        }
    }
}
