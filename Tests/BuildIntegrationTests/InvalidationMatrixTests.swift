import Foundation
import InvalidationMatrix
import Testing

/// After a change of the tree or of the host, a build runs exactly the stages that the change bears on; after the way back, none.
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

    @Test("a change runs exactly the stages that it bears on", arguments: InvalidationRow.table)
    func row(_ row: InvalidationRow) async throws {
        try await MatrixFixture.shared.prepare()
        _ = try await shell("cd '\(MatrixFixture.tree)'\n\(Self.prelude)\n\(row.change)")
        let changed = try await MatrixFixture.build(row.arguments, environment: row.environment, host: row.host)
        #expect(changed.status == (row.fails ? 1 : 0), "\(changed.output)\(changed.errors)")
        #expect(try MatrixFixture.stages(changed) == row.stages.sorted(), "\(changed.output)\(changed.errors)")
        if let words = row.words {
            #expect(try MatrixFixture.events(changed).contains { ($0.text ?? $0.cause ?? "").contains(words) }, "\(changed.output)")
        }
        if row.comparesCleanBuild {
            let cache = MatrixFixture.folder + "/clean"
            let clean = try await MatrixFixture.build(row.arguments, cache: cache, environment: row.environment, host: row.host)
            #expect(clean.status == 0, "\(clean.output)\(clean.errors)")
            let files = "g/one/artefacts/one.qcow2 g/two/artefacts/two.raw"
            #expect(
                try await shell("cd '\(MatrixFixture.cache)'; sha256sum \(files)") == shell("cd '\(cache)'; sha256sum \(files); rm -rf '\(cache)'"),
                "a build from nothing makes something else")
        }

        try await MatrixFixture.restore()
        if !row.stages.isEmpty {
            let back = try await MatrixFixture.build()
            #expect(back.status == 0, "\(back.output)\(back.errors)")
            // Artefacts that are others than those of the last build are published again.
            let published = ["g/one publish", "g/two publish", "h/three publish"].filter(row.stages.contains)
            #expect(try MatrixFixture.stages(back) == published, "on the way back: \(back.output)\(back.errors)")
        }
        try await MatrixFixture.forget()
    }

    @Test("after all changes, the artefacts are the first build's")
    func artefacts() async throws {
        try await MatrixFixture.shared.prepare()
        #expect(try await shell(MatrixFixture.digests) == String(contentsOfFile: MatrixFixture.folder + "/digests", encoding: .utf8))
    }
}
