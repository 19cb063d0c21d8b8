import Foundation
import Testing

/// The store of results and what stands around it: other commits, damage, other places, other programs.
@Suite("Store", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized, .timeLimit(.minutes(10)))
struct StoreTests {
    private func stages(_ cache: String, _ arguments: [String] = [], sourceLocation: Testing.SourceLocation = #_sourceLocation) async throws
        -> [String]
    {
        let build = try await MatrixFixture.build(arguments, cache: cache)
        #expect(build.status == 0, "\(build.output)\(build.errors)", sourceLocation: sourceLocation)
        return try MatrixFixture.stages(build)
    }

    private func digests(_ cache: String) async throws -> String { try await shell("cd '\(cache)'; sha256sum */*/artefacts/* | sort") }

    @Test("after a change and its undoing, the machine has its first results and artefacts, and no stage runs")
    func undone() async throws {
        try await MatrixFixture.withCopy { cache in
            _ = try await stages(cache)
            let before = try await digests(cache)
            let links = "cd '\(cache)'; find */*/minimal-appliance -type l -printf '%p %l\\n' | sort"
            let results = try await shell(links)
            let packages = MatrixFixture.tree + "/g/machines/two/packages"
            for _ in 0..<2 {
                _ = try await shell("echo b >> '\(packages)'")
                _ = try await stages(cache)
                #expect(try await shell(links) != results)
                #expect(try await digests(cache) != before)
                _ = try await shell("sed -i '$d' '\(packages)'")
                #expect(try await stages(cache) == ["g/two publish"])
                #expect(try await shell(links) == results)
                #expect(try await digests(cache) == before)
            }
        }
    }

    @Test(
        "an artefact that is not whole is made again, of the same bytes",
        arguments: [
            "truncate -s 1M two.raw", "printf X | dd of=two.raw bs=1 seek=5000 conv=notrunc status=none", "rm two.raw", "rm manifest.json",
            "echo > manifest.json", "rm -r ../artefacts",
        ])
    func damagedArtefact(_ damage: String) async throws {
        try await MatrixFixture.withCopy { cache in
            _ = try await stages(cache)
            let before = try await digests(cache)
            _ = try await shell("cd '\(cache)/g/two/artefacts'; \(damage)")
            let ran = try await stages(cache)
            // A raw artefact may be the disk's own file: then that is made again too.
            #expect(
                ran.last == "g/two publish" && ran.allSatisfy { ["disk", "image system.raw", "publish"].map { "g/two " + $0 }.contains($0) }, "\(ran)"
            )
            #expect(try await digests(cache) == before)
            #expect(try await stages(cache) == [])
        }
    }

    /// What is damaged, a change that needs it, and the stages that run then.
    private static let damages: [(file: String, change: String, stages: [String])] = [
        (
            "installed-packages/root/usr/share/a/data", "echo '/dev/new p 660' >> devices",
            ["fetch", "install", "compose", "disk", "image system.raw", "publish"]
        ),
        ("compose/changes/etc/hostname", "echo 'disks: [{size: 65MiB}]' >> machine.yaml", ["compose", "disk", "image system.raw", "publish"]),
        ("disk/system.raw", "sed -i 's/raw/qcow2/' machine.yaml", ["disk", "image system.qcow2", "publish"]),
    ]

    @Test("a damaged result is told and made again when it is needed", arguments: 0..<3)
    func damagedResult(_ index: Int) async throws {
        let (file, change, expected) = Self.damages[index]
        try await MatrixFixture.withCopy { cache in
            _ = try await shell("cd '\(MatrixFixture.tree)/g/machines/two'; \(change)")
            let clean = MatrixFixture.folder + "/clean"
            _ = try await MatrixFixture.build(cache: clean, groups: ["g/two"])
            let digests = "sha256sum g/two/artefacts/*"
            let wanted = try await shell("cd '\(clean)'; \(digests); rm -rf '\(clean)'")
            // The artefact has its own bytes, whatever becomes of the store.
            _ = try await shell("printf X | dd of='\(cache)/g/two/minimal-appliance/\(file)' bs=1 conv=notrunc status=none")
            let build = try await MatrixFixture.build(cache: cache, groups: ["g/two"])
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            #expect(try MatrixFixture.stages(build) == expected.map { "g/two " + $0 }.sorted(), "\(build.output)")
            #expect(try MatrixFixture.events(build).contains { $0.event == "warning" && ($0.text ?? "").contains("damaged") }, "\(build.output)")
            #expect(try await shell("cd '\(cache)'; \(digests)") == wanted)
        }
    }

    /// Changes a byte as a disk does that forgets: the file system notices nothing. Nobody can set the time of a file's change back, so the records of it are set
    /// forward.
    private static let rot = #"""
        import json, os, sys
        record, path = sys.argv[1:]
        with open(path, 'r+b') as data:
            data.seek(100000)
            byte = data.read(1)
            data.seek(100000)
            data.write(bytes([byte[0] ^ 1]))
        state = os.stat(path)
        for name in [record, os.path.join(os.path.dirname(os.path.realpath(path)), 'local.json')]:
            if not os.path.exists(name): continue
            text = json.load(open(name))
            for key in text['files']:
                known = text['files'][key]
                if known['inode'] != state.st_ino: continue
                known['modifiedSeconds'], known['modifiedNanoseconds'] = divmod(state.st_mtime_ns, 10**9)
                known['changedSeconds'], known['changedNanoseconds'] = divmod(state.st_ctime_ns, 10**9)
            json.dump(text, open(name, 'w'))
        """#

    @Test(
        "a byte that changed unnoticed is found with --verify alone, in artefacts and in results that no stage needs",
        arguments: [
            ("g/one/artefacts/one.qcow2", ["image system.qcow2", "publish"]),
            ("g/one/minimal-appliance/image-system.qcow2/image.qcow2", ["image system.qcow2", "publish"]),
            ("g/one/minimal-appliance/disk/system.raw", ["disk", "publish"]),
        ])
    func verify(_ path: String, _ expected: [String]) async throws {
        try await MatrixFixture.withCopy { cache in
            _ = try await stages(cache)
            let before = try await digests(cache)
            let file = try await shell("cd '\(cache)'; sha256sum \(path)")
            let script = MatrixFixture.folder + "/rot.py"
            try Self.rot.write(toFile: script, atomically: true, encoding: .utf8)
            let rot = try await run(["python3", script, cache + "/g/one/published.json", cache + "/" + path])
            #expect(rot.status == 0, "\(rot.errors)")
            #expect(try await shell("cd '\(cache)'; sha256sum \(path)") != file)
            #expect(try await stages(cache) == [])
            #expect(try await stages(cache, ["--verify"]) == expected.map { "g/one " + $0 })
            #expect(try await shell("cd '\(cache)'; sha256sum \(path)") == file)
            #expect(try await digests(cache) == before)
            #expect(try await stages(cache, ["--verify"]) == [])
        }
    }

    @Test(
        "a FIFO or an empty file in the place of a record does not stop a plan or a build",
        arguments: [
            "g/one/stages.json", "g/one/published.json", "g/one/artefacts/manifest.json", "g/one/minimal-appliance/disk/result.json",
            "g/one/minimal-appliance/disk/stage.json", "g/one/minimal-appliance/disk/local.json",
        ], ["mkfifo \"$file\"", ": > \"$file\""])
    func strangeRecord(_ path: String, _ damage: String) async throws {
        try await MatrixFixture.withCopy { cache in
            _ = try await stages(cache)
            let before = try await digests(cache)
            _ = try await shell("file=$(realpath '\(cache)/\(path)'); rm \"$file\"; \(damage)")
            let plan = try await run([
                "timeout", "-k", "5", "30", Sandbox.program, "plan", "-c", MatrixFixture.tree, "-s", cache, "--output", "raw", "g/one",
            ])
            #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
            _ = try await stages(cache, ["--verify"])
            #expect(try await digests(cache) == before)
        }
    }

    @Test("the plan after a clean names the lost results as the cause")
    func planAfterClean() async throws {
        try await MatrixFixture.withCopy { cache in
            _ = try await stages(cache)
            let clean = try await run([Sandbox.program, "clean", "-c", MatrixFixture.tree, "-s", cache])
            #expect(clean.status == 0, "\(clean.output)\(clean.errors)")
            let plan = try await run([Sandbox.program, "plan", "-c", MatrixFixture.tree, "-s", cache, "--output", "raw", "g/one"])
            #expect(plan.output.contains("install           runs: its result is not in the cache"), "\(plan.output)\(plan.errors)")
        }
    }

    @Test("a tree and a cache that were moved or copied are the same")
    func moved() async throws {
        try await MatrixFixture.withCopy { cache in
            _ = try await stages(cache)
            let other = MatrixFixture.folder + "/other"
            _ = try await shell(
                """
                mkdir '\(other)'; cp -r '\(MatrixFixture.tree)' '\(other)/'; cp -a '\(cache)' '\(other)/copied'; mv '\(cache)' '\(other)/moved'
                """)
            for place in ["moved", "copied"] {
                let build = try await MatrixFixture.build(cache: "\(other)/\(place)", tree: other + "/tree")
                #expect(build.status == 0, "\(build.output)\(build.errors)")
                #expect(try MatrixFixture.stages(build) == [], "\(place)")
            }
            _ = try await shell("rm -rf '\(other)'")
        }
    }

    @Test("a machine that is built from its lock has the same results")
    func locked() async throws {
        try await MatrixFixture.withCopy { cache in
            let tree = MatrixFixture.tree
            let lock = try await Sandbox.discographer(["lock", "-c", tree, "-s", cache, "g/two"])
            #expect(lock.status == 0, "\(lock.output)\(lock.errors)")
            let build = try await MatrixFixture.build(["--locked"], cache: cache, groups: ["g/two"])
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            #expect(try MatrixFixture.stages(build).filter { $0 != "g/two publish" } == [])
        }
    }

    /// Reads all that other programs are to read, as one would who knows the documentation alone.
    private static let reader = #"""
        import glob, hashlib, json, os, sys
        cache, work, events = sys.argv[1:]
        os.chdir(cache)
        def sha256(path):
            with open(path, 'rb') as file: return hashlib.file_digest(file, 'sha256').hexdigest()
        def texts(value):
            if isinstance(value, str): yield value
            elif isinstance(value, list): yield from (text for item in value for text in texts(item))
            elif isinstance(value, dict): yield from (text for item in value.values() for text in texts(item))
        def relative(path): assert not path.startswith('/') and '..' not in path.split('/'), path
        def whole(folder, artefact):
            relative(artefact['path'])
            path = os.path.join(folder, artefact['path'])
            assert os.path.getsize(path) == artefact['size'], path
            assert sha256(path) == artefact['sha256'], path
        manifests = glob.glob('*/*/artefacts/manifest.json')
        assert len(manifests) == 3, manifests
        for path in manifests:
            manifest = json.load(open(path))
            assert manifest['schema'] == 1 and '/'.join([manifest['group'], manifest['machine']]) == path.split('/artefacts')[0]
            assert not [text for text in texts(manifest) if text.startswith('/') or cache in text], path
            for artefact in manifest['artefacts']: whole(os.path.dirname(path), artefact)
            names = {artefact['path'] for artefact in manifest['artefacts']} | {'manifest.json'}
            assert names == set(os.listdir(os.path.dirname(path))), names
        assert json.load(open('g/two/artefacts/manifest.json'))['toleratedFailures'] == [['bad-1-1.noarch', '%post']]
        local = 0
        for path in glob.glob('*/*/yum/transaction.json'):
            transaction = json.load(open(path))
            assert transaction['schema'] == 1 and transaction['packages']
            for package in transaction['packages']:
                relative(package['location'])
                isLocal = package['repository'] == '@local'
                file = os.path.join(work, 'tree' if isLocal else 'repository', package['location'])
                assert package['checksum'] == 'sha256:' + sha256(file), package
                local += isLocal
        assert local == 1
        results = glob.glob('stages/*/result.json')
        assert results
        for path in results:
            result, folder = json.load(open(path)), os.path.dirname(path)
            if os.path.islink(folder): continue
            assert result['schema'] == 1 and result['identity'] == os.path.basename(folder), path
            for file in result['files']:
                relative(file['name'])
                place = os.path.join(folder, file['name'])
                assert os.path.isdir(place) == (file['kind'] == 'folder'), place
                if file['algorithm'] == 'sha256':
                    assert (os.path.getsize(place), sha256(place)) == (file['size'], file['digest']), place
            text = open(os.path.join(folder, 'stage.json'), encoding='utf-8').read()
            stage = json.loads(text)
            assert list(stage) == sorted(stage), text
            assert cache not in text and work not in text, text
        kinds = set()
        for line in open(events):
            event = json.loads(line)
            kinds.add(event['event'])
            if event['event'] == 'finished':
                for artefact in event['artefacts']: whole('.', artefact)
        assert {'stageStarted', 'stageFinished', 'warning', 'finished'} <= kinds, kinds
        print('read')
        """#

    @Test("manifests, transactions, results and events are what a foreign reader finds in the files")
    func foreignReader() async throws {
        try await MatrixFixture.withCopy { _ in
            let cache = MatrixFixture.folder + "/clean"
            let build = try await MatrixFixture.build(cache: cache)
            #expect(build.status == 0, "\(build.output)\(build.errors)")
            let (events, script) = (MatrixFixture.folder + "/events", MatrixFixture.folder + "/reader.py")
            try build.output.write(toFile: events, atomically: true, encoding: .utf8)
            try Self.reader.write(toFile: script, atomically: true, encoding: .utf8)
            let reader = try await run(["python3", script, cache, MatrixFixture.work, events])
            #expect(reader.output == "read\n", "\(reader.output)\(reader.errors)")
            _ = try await shell("rm -rf '\(cache)'")
        }
    }

    @Test("two builds of one cache, and clean beside them, make what one build makes")
    func sideBySide() async throws {
        try await MatrixFixture.withCopy { cache in
            _ = try await stages(cache)
            let wanted = try await shell("cd '\(cache)'; sha256sum g/one/artefacts/one.qcow2 g/two/artefacts/two.raw")
            for round in 0..<3 {
                _ = try await shell("rm -rf '\(cache)'/stages/* '\(cache)'/*/*/artefacts")
                async let builds = [MatrixFixture.build(cache: cache), MatrixFixture.build(cache: cache)]
                let clean = ["clean", "--packages", "-c", MatrixFixture.tree, "-s", cache]
                try await Task.sleep(for: .milliseconds(300 * round))
                let cleaned = try await [Sandbox.discographer(clean), Sandbox.discographer(clean)]
                for result in try await builds + cleaned { #expect(result.status == 0, "\(result.output)\(result.errors)") }
                #expect(try await shell("cd '\(cache)'; sha256sum g/one/artefacts/one.qcow2 g/two/artefacts/two.raw") == wanted)
            }
        }
    }
}
