import Testing

@testable import PackageResolution

/// The effect of options and groups on the choice of packages. Each expectation is what dnf 4.14 installs from the same metadata;
/// Tests/Differential compares many more.
struct ChoiceOfPackagesTests {
    private let repository: OneRepository

    init() throws {
        let group = """
            <group><id>web</id><name>Web Server</name><packagelist>
            <packagereq type="mandatory">server</packagereq><packagereq type="optional">manual</packagereq>
            <packagereq type="conditional" requires="server">module</packagereq>
            <packagereq type="conditional" requires="absent">other</packagereq>
            </packagelist></group>
            """
        let quarrel = """
            <group><id>quarrel</id><name>Quarrel</name><packagelist>
            <packagereq type="mandatory">first</packagereq><packagereq type="mandatory">second</packagereq>
            <packagereq type="mandatory">third</packagereq>
            </packagelist></group>
            """
        let environment =
            "<environment><id>web-environment</id><name>Web Environment</name><grouplist><groupid>web</groupid></grouplist></environment>"
        repository = try OneRepository(
            SmallRepository(
                packages: [
                    .init("server-1-1.x86_64"), .init("server-2-1.x86_64"), .init("server-2-1.i686"), .init("manual-1-1.noarch"),
                    .init("module-1-1.noarch"), .init("other-1-1.noarch"),
                    .init("new-1-1.noarch", ["obsoletes": ["old"]]), .init("old-1-1.noarch", ["requires": ["nothing-has-this"]]),
                    .init("reader-1-1.noarch", ["requires": ["/usr/share/data/file"]]),
                    .init("data-1-1.noarch", files: ["/usr/share/data/file"]),
                    .init("fond-1-1.noarch", ["recommends": ["manual", "other"]]),
                    .init("first-1-1.noarch", ["conflicts": ["second"]]), .init("second-1-1.noarch"),
                    .init("third-1-1.noarch", ["requires": ["second"]]),
                ], comps: "<comps>\(group)\(quarrel)\(environment)</comps>"
            ))
    }

    @Test func aPackageThatObsoletesTheNameSatisfiesTheRequest() async throws {
        #expect(try await repository.resolve(["old"]) == ["new-1-1.noarch"])
        await #expect(throws: ResolutionError.self) { try await repository.resolve(["old"]) { $0.obsoletes = false } }
    }

    @Test func multilibPolicyAllInstallsEveryArchitecture() async throws {
        #expect(try await repository.resolve(["server"]) == ["server-2-1.x86_64"])
        #expect(
            try await repository.resolve(["server"]) { $0.installsAllArchitectures = true }
                == ["server-2-1.x86_64", "server-2-1.i686"])
    }

    @Test func filesOutsidePrimaryAreFound() async throws {
        #expect(try await repository.resolve(["reader"]) == ["reader-1-1.noarch", "data-1-1.noarch"])
        #expect(try await repository.resolve(["/usr/share/data/file"]) == ["data-1-1.noarch"])
    }

    @Test(arguments: ["web", "Web Server", "web server", "^web-environment", "Web Environment"])
    func groupsAndEnvironmentsAreFoundByIDAndName(name: String) async throws {
        #expect(try await repository.resolve(["@\(name)"]) == ["server-2-1.x86_64", "module-1-1.noarch"])
    }

    @Test func kindsOfGroupMembersCanBeChosen() async throws {
        let all: Set = ["server-2-1.x86_64", "module-1-1.noarch", "manual-1-1.noarch"]
        #expect(try await repository.resolve(["@web/mandatory,conditional,optional"]) == all)
        #expect(try await repository.resolve(["@web"]) { $0.groupPackageTypes = ["optional"] } == ["manual-1-1.noarch"])
        await #expect(throws: ResolutionError.self) { try await repository.resolve(["@^web"]) }
    }

    @Test func aLockLeavesOneVersion() async throws {
        #expect(try await repository.resolve(["server"]) { $0.versionLocks = ["server-0:1-1.*"] } == ["server-1-1.x86_64"])
        #expect(try await repository.resolve(["server"]) { $0.versionLocks = ["!server-0:2-1.*"] } == ["server-1-1.x86_64"])
        #expect(try await repository.resolve(["old"]) { $0.versionLocks = ["manual-0:1-1.*"] } == ["new-1-1.noarch"])
    }

    @Test func weakDependenciesCanBeRefusedByName() async throws {
        #expect(
            try await repository.resolve(["fond"]) { $0.excludedFromWeak = ["man*"] } == ["fond-1-1.noarch", "other-1-1.noarch"])
    }

    @Test func withStrict0TheOtherPackagesAreInstalled() async throws {
        await #expect(throws: ResolutionError.self) { try await repository.resolve(["manual", "nobody-has-this"]) }
        #expect(try await repository.resolve(["manual", "nobody-has-this"]) { $0.strict = false } == ["manual-1-1.noarch"])
    }

    @Test func installOnlyPackagesComeInSeveralVersions() async throws {
        let both = ["server-1-1.x86_64", "server-2-1.x86_64"]
        await #expect(throws: ResolutionError.self) { try await repository.resolve(both) }
        #expect(
            try await repository.resolve(both) { $0.installOnlyPackages = ["server"] } == ["server-1-1.x86_64", "server-2-1.x86_64"])
    }

    /// Forbidding `second` does not help, because `third` needs it.
    @Test func aWayOutOfAGroupIsTriedFirst() async throws {
        let error = await #expect(throws: ResolutionError.self) { try await repository.resolve(["@quarrel"]) }
        let ways = error?.diagnostics.flatMap(\.waysOut) ?? []
        #expect(ways.contains("leave out 'first' of '@quarrel': add a line '-first' to packages"), "\(ways)")
        #expect(!ways.contains { $0.contains("'-second'") && !$0.contains("'-third'") }, "\(ways)")
        #expect(try await repository.resolve(["@quarrel", "-first"]) == ["second-1-1.noarch", "third-1-1.noarch"])
    }
}
