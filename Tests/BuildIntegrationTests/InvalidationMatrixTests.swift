import Foundation
import InvalidationMatrix
import Testing

/// After a change of the tree or of the host, a build runs exactly the stages that the change bears on.
@Suite("Invalidation", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized, .timeLimit(.minutes(15)))
struct InvalidationMatrixTests {
    /// What the scripts of rows use.
    private static let prelude = """
        templates=templates group=g other=h one=g/machines/one two=g/machines/two three=h/machines/three
        # Another executable of the same behaviour in the tables of programs.
        again() {
            mkdir -p ../bin
            program=$(awk -v name="$1" '$1 == name { print $2 }' ../paths/* | xargs ls -d 2>/dev/null | head -n 1)
            cp "$program" "../bin/$1"; echo >> "../bin/$1"
            sed -i "s,^$1 [^ ]*,$1 ${PWD%/*}/bin/$1," ../paths/*
        }
        """

    private static let machines = ["g/one", "g/two", "h/three"]

    /// Each row begins with the cache as the first build left it, but for the artefacts of the row before it. That the machines of that row have to be published, and
    /// nothing else of them runs, is the way back.
    @Test("a change runs exactly the stages that it bears on", arguments: InvalidationRow.table)
    func row(_ row: InvalidationRow) async throws {
        try await MatrixFixture.shared.prepare()
        try await MatrixFixture.restore()
        try await MatrixFixture.forget()
        _ = try await shell("cd '\(MatrixFixture.tree)'\n\(Self.prelude)\n\(row.change)")
        let build = try await MatrixFixture.build(row.arguments, environment: row.environment, host: row.host)
        #expect(build.status == (row.fails ? 1 : 0), "\(build.output)\(build.errors)")
        let ran = try MatrixFixture.stages(build)
        let events = try MatrixFixture.events(build)
        let built = Set(events.filter { $0.event == "finished" }.compactMap(\.machine))
        let before = await MatrixFixture.shared.changed
        let expected = Set(row.stages).union(before.intersection(built).map { "\($0) publish" })
        #expect(ran == expected.sorted(), "\(build.errors)")
        if let words = row.words {
            #expect(events.contains { ($0.text ?? $0.cause ?? "").contains(words) }, "\(build.output)")
        }
        if row.comparesCleanBuild { try await compareWithCleanBuild(row) }
        let published = Self.machines.filter { ran.contains("\($0) publish") && row.stages.contains("\($0) publish") }
        await MatrixFixture.shared.note(changed: Set(published).union(before.subtracting(built)))
    }

    private func compareWithCleanBuild(_ row: InvalidationRow) async throws {
        let cache = MatrixFixture.folder + "/clean"
        let clean = try await MatrixFixture.build(row.arguments, cache: cache, environment: row.environment, host: row.host)
        #expect(clean.status == 0, "\(clean.output)\(clean.errors)")
        let digests = "sha256sum g/one/artefacts/one.qcow2 g/two/artefacts/two.raw"
        #expect(
            try await shell("cd '\(MatrixFixture.cache)'; \(digests)") == shell("cd '\(cache)'; \(digests); rm -rf '\(cache)'"),
            "a build from nothing makes something else")
    }

    @Test("after all changes, the artefacts are the first build's again, and no stage runs")
    func artefacts() async throws {
        try await MatrixFixture.shared.prepare()
        try await MatrixFixture.restore()
        try await MatrixFixture.forget()
        let changed = await MatrixFixture.shared.changed.map { "\($0) publish" }.sorted()
        let back = try await MatrixFixture.build()
        #expect(try MatrixFixture.stages(back) == changed, "\(back.output)")
        await MatrixFixture.shared.note(changed: [])
        #expect(try await shell(MatrixFixture.digests) == String(contentsOfFile: MatrixFixture.folder + "/digests", encoding: .utf8))
    }
}
