import Foundation
import Testing

/// What `build --json` says of how far a build is.
@Suite("Progress", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct ProgressTests {
    private struct Event: Decodable {
        var event: String
        var stage: String?
        var completed, total, files, totalFiles: Int?
        var bytes, totalBytes: UInt64?
        var item: String?
    }

    @Test("counts no package twice, though librpm opens those with a %pretrans twice")
    func counts() async throws {
        try await Sandbox.withFolder { folder in
            let repository = folder + "/repository"
            try FileManager.default.createDirectory(atPath: repository, withIntermediateDirectories: true)
            _ = try await shell(
                """
                cd '\(repository)'
                cat > tests.spec <<'SPEC'
                Name: tests
                Version: 1
                Release: 1
                Summary: test
                License: none
                BuildArch: noarch
                %description
                %package -n pretrans
                Summary: test
                %description -n pretrans
                %pretrans -n pretrans -p <lua>
                print("before the transaction")
                %files -n pretrans
                %package -n files
                Summary: test
                %description -n files
                %pretrans -n files -p <lua>
                print("before the transaction")
                %install
                mkdir -p %{buildroot}/opt
                head -c 300000 /dev/urandom > %{buildroot}/opt/file
                %files -n files
                /opt/file
                %package -n plain
                Summary: test
                %description -n plain
                %files -n plain
                SPEC
                rpmbuild -bb --quiet --define '_topdir \(folder)/top' --define '_rpmdir \(repository)' \
                    --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' tests.spec 2>&1
                rm tests.spec
                createrepo_c --quiet .
                """)
            let server = try RepositoryServer(serving: repository)
            let tree = try SmallRepository.tree(
                in: folder, machines: ["m": "pretrans\nfiles\nplain\n"],
                repositories: ["r": "baseurl=\(["truncated", "wrong", "good"].map(server.mirror).joined(separator: " "))\ngpgcheck=0"])
            let result = try await Sandbox.discographer(["build", "--json", "-c", tree, "-s", folder + "/cache", "g/m"])
            try #require(result.status == 0, "\(result.output)\(result.errors)")
            let events = try result.output.split(separator: "\n").map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
            for event in events {
                #expect(event.completed ?? 0 <= event.total ?? 0, "\(event)")
                #expect(event.files ?? 0 <= event.totalFiles ?? 0, "\(event)")
                #expect(event.bytes ?? 0 <= event.totalBytes ?? 0, "\(event)")
            }
            let installed = events.filter { $0.event == "progress" && $0.stage == "install" }
            #expect(installed.map(\.completed) == [1, 2, 3])
            #expect(Set(installed.compactMap(\.item)).count == 3)
            let log = try String(contentsOfFile: folder + "/cache/g/m/yum/log/build.log", encoding: .utf8)
            #expect(log.contains("\n3/3 "))
            #expect(!log.contains("\n4/3 "))
        }
    }
}
