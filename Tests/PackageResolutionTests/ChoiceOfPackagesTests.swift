import Synchronization
import SystemPackage
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
                    .init("pkge-1-1.noarch"), .init("pkge-3-1.noarch"), .init("successor-1-1.noarch", ["obsoletes": ["pkge < 2"]]),
                    .init("wrench-1-1.noarch", files: ["/usr/bin/turn", "/usr/sbin/turn-all"]),
                    .init("epoch-1:3.9-1.noarch"), .init("epoch-2:1.0-1.noarch"), .init("font-1-1.noarch", ["provides": ["font(:lang=en)"]]),
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

    /// dnf5's behaviour tests (comps-excludes.feature) say the same.
    @Test func groupsAndEnvironmentsCanBeExcluded() async throws {
        #expect(try await repository.resolve(["@web-environment"]) { $0.excludedGroups = ["w*"] }.isEmpty)
        #expect(try await repository.resolve(["@web"]) { $0.excludedEnvironments = ["*"] } == ["server-2-1.x86_64", "module-1-1.noarch"])
        let error = await #expect(throws: ResolutionError.self) { try await repository.resolve(["@web"]) { $0.excludedGroups = ["web"] } }
        #expect(error.map { "\($0)" } == "packages:1: error: the configuration excludes the group '@web'")
        await #expect(throws: ResolutionError.self) { try await repository.resolve(["@^web-environment"]) { $0.excludedEnvironments = ["web-*"] } }
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

    /// dnf 5 and dnf 4 since 4.15; dnf 4.14 takes the package that obsoletes the older version.
    @Test func whatObsoletesOlderVersionsDoesNotReplaceTheNewest() async throws {
        #expect(try await repository.resolve(["pkge"]) == ["pkge-3-1.noarch"])
        #expect(try await repository.resolve(["pkg*"]) == ["pkge-3-1.noarch"])
        #expect(try await repository.resolve(["pkge"]) { $0.installsAllArchitectures = true } == ["pkge-3-1.noarch"])
        #expect(try await repository.resolve(["pkge"]) { $0.excludes = ["pkge-3-1"] } == ["successor-1-1.noarch"])
    }

    @Test(arguments: [
        ("pkge >= 3", "pkge-3-1.noarch"), ("pkge >=3", "pkge-3-1.noarch"), ("pkge>=3", "pkge-3-1.noarch"), ("pkge> 1-1", "pkge-3-1.noarch"),
        ("pkge < 2", "pkge-1-1.noarch"), ("pkge <= 1", "pkge-1-1.noarch"), ("pkge == 1", "pkge-1-1.noarch"), ("pkge =1-1", "pkge-1-1.noarch"),
        ("epoch < 2:0", "epoch-1:3.9-1.noarch"), ("epoch >= 3.9", "epoch-2:1.0-1.noarch"), ("epoch = 1:3.9-1", "epoch-1:3.9-1.noarch"),
        ("epo* < 2:0", "epoch-1:3.9-1.noarch"), ("font(:lang=en)", "font-1-1.noarch"),
    ])
    func aLineMayHaveAVersion(line: String, expected: String) async throws {
        #expect(try await repository.resolve([line]) == [expected])
    }

    @Test func aForbiddingLineMayHaveAVersion() async throws {
        #expect(try await repository.resolve(["pkge", "-pkge >= 2", "-successor"]) == ["pkge-1-1.noarch"])
        #expect(try await repository.resolve(["epoch", "-epoch>=2:0"]) == ["epoch-1:3.9-1.noarch"])
        #expect(try await repository.resolve(["epoch", "-ep* = 2:1.0-1"]) == ["epoch-1:3.9-1.noarch"])
        await #expect(throws: ResolutionError.self) { try await repository.resolve(["epoch < 3:0", "-epoch < 3:0"]) }
    }

    /// dnf5's behaviour tests (rich-dependencies.feature) say the same; dnf 4 installs any package that takes part.
    @Test func aBooleanDependencyIsMetAsAWhole() async throws {
        #expect(try await repository.resolve(["(manual if server)"]).isEmpty)
        #expect(try await repository.resolve(["(manual if server)", "server"]) == ["manual-1-1.noarch", "server-2-1.x86_64"])
        #expect(try await repository.resolve(["(manual and module)"]) == ["manual-1-1.noarch", "module-1-1.noarch"])
        #expect(try await repository.resolve(["(nobody-has-this or manual)"]) == ["manual-1-1.noarch"])
        let error = await #expect(throws: ResolutionError.self) { try await repository.resolve(["(nobody-has-this or nobody-has-that)"]) }
        #expect(error.map { "\($0)" }?.contains("no repository has '(nobody-has-this or nobody-has-that)'") == true)
    }

    @Test func aMachineMayHaveLocalPackagesAlone() async throws {
        var request = repository.request([]) { $0.repositories = [] }
        request.localPackages = ["/no/such.rpm"]
        let results = try await repository.resolver.resolve([request]) { _, _ in }
        let error = #expect(throws: ResolutionError.self) { try results.first?.get() }
        #expect(error.map { "\($0)" }?.contains("/no/such.rpm") == true)
    }

    /// The newest version, which best=1 asks for, is another one.
    @Test func aLineMayNameAVersionOfSetup() async throws {
        let folder = repository.folder
        try SmallRepository(packages: [.init("setup-1-1.noarch"), .init("setup-2-1.noarch")]).write(to: folder, at: "setup")
        for (line, expected) in [("setup-1", "setup-1-1.noarch"), ("setup", "setup-2-1.noarch"), ("setup.noarch", "setup-2-1.noarch")] {
            let packages = try await repository.resolve([line]) {
                $0.best = true
                $0.repositories[0].baseURLs = ["file://\(folder.path("setup"))/"]
            }
            #expect(packages == [expected])
        }
    }

    /// dnf5's behaviour tests (install-provides.feature) say the same; dnf 4 wants the path.
    @Test func aLineMayNameAProgram() async throws {
        for line in ["turn", "turn-all", "/usr/bin/turn"] { #expect(try await repository.resolve([line]) == ["wrench-1-1.noarch"]) }
        let error = await #expect(throws: ResolutionError.self) { try await repository.resolve(["turn"]) { $0.excludes = ["wrench"] } }
        #expect(error.map { "\($0)" }?.contains("'turn' cannot be installed") == true)
        // What has the name itself comes first.
        #expect(try await repository.resolve(["manual"]) == ["manual-1-1.noarch"])
    }

    @Test func includesHideAllOthers() async throws {
        #expect(try await repository.resolve(["manual"]) { $0.includes = ["man*"] } == ["manual-1-1.noarch"])
        await #expect(throws: ResolutionError.self) { try await repository.resolve(["server"]) { $0.includes = ["man*"] } }
        // A repository's own are added, as in dnf.
        let both = try await repository.resolve(["manual", "module"]) {
            $0.includes = ["man*"]
            $0.repositories[0].includes = ["module"]
        }
        #expect(both == ["manual-1-1.noarch", "module-1-1.noarch"])
    }

    private func remarks(_ lines: [String], strict: Bool = false) async throws -> (packages: Set<String>, remarks: [String]) {
        let remarks = Remarks()
        let request = repository.request(lines) { $0.strict = strict }
        let results = try await repository.resolver.resolve([request]) { remarks.add($1) }
        return (Set(try #require(results.first).get().packages.map(\.nevra)), remarks.all.filter { !$0.contains("'setup'") })
    }

    /// dnf lists them under "Skipping packages with conflicts" and "with broken dependencies".
    @Test func withStrict0EverythingThatIsLeftOutIsSaidWithItsReason() async throws {
        let group = try await remarks(["@quarrel"])
        #expect(group.packages == ["first-1-1.noarch"])
        #expect(
            group.remarks == [
                "packages:1: 'second' of '@quarrel' cannot be installed: first-1-1.noarch conflicts with 'second': second-1-1.noarch; left out (strict=0)",
                "packages:1: 'third' of '@quarrel' cannot be installed: third-1-1.noarch requires 'second': second-1-1.noarch; "
                    + "first-1-1.noarch conflicts with 'second': second-1-1.noarch; left out (strict=0)",
            ])
        let pattern = try await remarks(["old*", "-new"])
        #expect(pattern.packages.isEmpty)
        #expect(
            pattern.remarks == [
                "packages:1: 'old' of 'old*' cannot be installed: old-1-1.noarch requires 'nothing-has-this', which nothing provides; left out (strict=0)"
            ])
        // A conditional member counts only with the package that it belongs to; a member that a line forbids is not wanted.
        #expect(try await remarks(["@^web-environment", "-server"]).remarks.isEmpty)
        let hidden = repository.request(["@web"]) { $0.excludes = ["server"] }
        let said = Remarks()
        _ = try await repository.resolver.resolve([hidden]) { said.add($1) }
        #expect(said.all.contains("packages:1: 'server' of the group '@web' is left out, because the configuration hides it"), "\(said.all)")
        #expect(try await remarks(["@web"]).remarks.isEmpty)
        #expect(try await remarks(["manual"]).remarks.isEmpty)
    }

    @Test func skipUnavailableLeavesOutWhatNobodyHas() async throws {
        #expect(try await repository.resolve(["manual", "nobody-has-this"]) { $0.skipsUnavailable = true } == ["manual-1-1.noarch"])
        await #expect(throws: ResolutionError.self) { try await repository.resolve(["manual", "third", "-second"]) { $0.skipsUnavailable = true } }
    }

    /// Lower numbers win, below 0 too.
    @Test func theRepositoryOfTheLowestPriorityWins() async throws {
        let folder = repository.folder
        try SmallRepository(packages: [.init("manual-9-1.noarch")]).write(to: folder, at: "second")
        var second = Repository(id: "second", name: "second")
        second.baseURLs = ["file://\(folder.path("second"))/"]
        for (priority, expected) in [(-5, "manual-1-1.noarch"), (99, "manual-9-1.noarch"), (Int(Int32.min), "manual-1-1.noarch")] {
            let packages = try await repository.resolve(["manual"]) {
                $0.repositories[0].priority = priority
                $0.repositories.append(second)
            }
            #expect(packages == [expected], "\(priority)")
        }
    }

    @Test func oneVersionInTwoRepositoriesIsOneVersion() async throws {
        let broken = SmallRepository.Package("x-1-1.noarch", ["requires": ["nowhere"]])
        let folder = repository.folder
        for place in ["one", "two"] { try SmallRepository(packages: [broken, .init("z-1-1.noarch")]).write(to: folder, at: place) }
        func problems(_ lines: [String]) async throws -> String {
            let error = await #expect(throws: ResolutionError.self) {
                try await repository.resolve(lines) {
                    $0.repositories = ["one", "two"].map { name in
                        var repository = Repository(id: name, name: name)
                        repository.baseURLs = ["file://\(folder.path(name))/"]
                        return repository
                    }
                }
            }
            return error.map { "\($0)" } ?? ""
        }
        let text = try await problems(["x"])
        #expect(text.contains("- packages:1 asks for x-1-1.noarch\n  - x-1-1.noarch requires 'nowhere', which nothing provides\n"), "\(text)")
        #expect(try await problems(["z-2"]).contains("no repository has 'z-2'; there is z-1-1.noarch (one, two)"))
        #expect(try await problems(["z", "-z"]).contains("- z-1-1.noarch (one, two), but packages:2 forbids it"))
    }
}

private final class Remarks: Sendable {
    private let texts = Mutex<[String]>([])

    func add(_ text: String) { texts.withLock { $0.append(text) } }

    var all: [String] { texts.withLock { $0 } }
}
