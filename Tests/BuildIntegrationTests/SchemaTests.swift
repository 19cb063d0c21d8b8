import Foundation
import Testing

/// Files and output for other programs (docs/formats.md). Judge: python3-jsonschema, with the schemas in docs/schemas.
@Suite("Schemas of files and output", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct SchemaTests {
    /// Prints a line for each violation, and then the number of documents and the kinds of events.
    private static let checker = """
        import glob, json, sys
        from jsonschema import Draft202012Validator

        schemas, folder = sys.argv[1:]
        documents, kinds = 0, set()

        def check(name, document, place):
            global documents
            with open(f"{schemas}/{name}.schema.json") as file: schema = json.load(file)
            Draft202012Validator.check_schema(schema)
            for error in Draft202012Validator(schema).iter_errors(document): print(f"{place}: {error.message}")
            documents += 1

        for name, pattern in [("manifest", "*/*/artefacts/manifest.json"), ("transaction", "*/*/yum/transaction.json"), ("result", "stages/*/result.json")]:
            found = glob.glob(f"{folder}/cache/{pattern}")
            if not found: print(f"no {name}")
            for path in found:
                with open(path) as file: check(name, json.load(file), path)
        for name, pattern in [("events", "events-*"), ("plan", "plan")]:
            for path in sorted(glob.glob(f"{folder}/{pattern}")):
                with open(path) as file:
                    for line in file:
                        event = json.loads(line)
                        kinds.add((name, event["event"]))
                        check(name, event, f"{path}: {line}")
        print(documents > 20, " ".join(f"{name}:{kind}" for name, kind in sorted(kinds)))
        """

    @Test("manifest, transaction, results, events and plans are what their schemas say, and a foreign field is not")
    func schemas() async throws {
        try await Sandbox.withFolder { folder in
            // Without setup, which is a warning.
            try await SmallRepository.make(at: folder + "/repository", [SmallPackage("a")])
            let tree = try SmallRepository.tree(
                in: folder, machines: ["one": "a\n", "two": "a\n", "three": "a\nmissing\n", "four": "a\n"],
                repositories: ["r": "baseurl=file://\(folder)/repository\ngpgcheck=0"])
            try "boot:\n  loader: none\noutputs: [raw, ova]\ndisks:\n  - size: 64MiB\n".write(
                toFile: tree + "/g/machine-group.yaml", atomically: true, encoding: .utf8)
            _ = try await shell(
                """
                cd '\(tree)/g/machines'
                mkdir four/generator-scriptlets one/rpms
                printf 'echo told\\nfalse\\n' > four/generator-scriptlets/10
                cp '\(folder)'/repository/a-*.rpm one/rpms
                """)
            func save(_ name: String, _ words: [String], status: Int32) async throws {
                let run = try await Sandbox.discographer(words + ["--json", "-c", tree, "-s", folder + "/cache", "g"])
                #expect(run.status == status, "\(run.errors)")
                try run.output.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            }
            try await save("events-first", ["build", "--explain", "--keep-root"], status: 1)
            _ = try await shell("echo changed >> '\(tree)/g/machines/one/init'")
            try await save("plan", ["plan"], status: 1)
            try await save("events-second", ["build", "--explain"], status: 1)

            func check() async throws -> [Substring] {
                let run = try await run(["/usr/bin/python3", "-c", Self.checker, Sandbox.checkout + "/docs/schemas", folder])
                #expect(run.status == 0, "\(run.errors)")
                return run.output.split(separator: "\n")
            }
            #expect(
                try await check() == [
                    "True events:failed events:finished events:output events:planned events:progress events:stageFinished events:stageStarted "
                        + "events:transfer events:warning plan:failed plan:planned"
                ])
            try await Self.changeManifest(folder)
            #expect(try await check().first?.contains("'foreign' was unexpected") == true)
        }
    }

    private static func changeManifest(_ folder: String) async throws {
        _ = try await shell("sed -i '1s/{/{\"foreign\": 1,/' '\(folder)/cache/g/one/artefacts/manifest.json'")
    }
}
