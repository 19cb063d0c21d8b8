import ConfigurationTree
import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import BuildPipeline

/// A tree in a Git repository, and clones of it.
private final class Repository {
    let folder: String

    /// The environment of whoever runs the tests does not count.
    private static let environment = [
        "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_ALLOW_PROTOCOL": "file",
    ]

    init() throws {
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/checkouts-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try shell(
            """
            mkdir module; (cd module; git init -q -b main; echo x >x; git add .; git commit -qm module)
            mkdir origin; cd origin; git init -q -b main
            m=g/machines/m; mkdir -p $m/yum/repositories $m/root-overlays/site/etc $m/rpms $m/generator-scriptlets templates
            echo '[main]' >$m/yum/yum.conf.template; printf '[r]\\nbaseurl=file:///r\\n' >$m/yum/repositories/r.repo
            echo a >$m/packages; : >$m/devices; echo '#!/bin/sh' >$m/init; chmod 755 $m/init
            echo conf >$m/root-overlays/site/etc/conf; ln -s conf $m/root-overlays/site/etc/link
            echo : >templates/s; ln -s ../../../../templates/s $m/generator-scriptlets/s
            git submodule --quiet add "$PWD/../module" $m/root-overlays/vendor
            git submodule --quiet add "$PWD/../module" elsewhere
            git add .; git commit -qm tree
            cd ..; git clone -q --recurse-submodules origin tree
            """)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    @discardableResult
    func shell(_ script: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-euc", script]
        process.environment = Self.environment
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(script)\n\(output)")
        return output
    }

    /// `severity path message`, paths relative to the tree.
    func found(changes: Bool = false, _ selectors: [String] = []) async throws -> [String] {
        let path = FilePath(folder + "/tree")
        let tree = ConfigurationTree(at: path, selecting: selectors.compactMap { MachineSelector($0) })
        let table = FilePath(folder + "/paths")
        try createDirectories(table)
        try writeAtomically("git /usr/bin/git git\n".utf8, to: table.appending("test"))
        try writeAtomically("ID=test\n".utf8, to: table.appending("os-release"))
        var inspection = CheckoutInspection(
            UsedPaths(tree, functions: FilePath(folder)), tools: try ToolTable(pathsPath: table, osRelease: table.appending("os-release")),
            findsChanges: changes)
        await inspection.run()
        return inspection.diagnostics.map {
            "\($0.severity.rawValue) \($0.location.file.string.replacing(path.string + "/", with: "")) \($0.message)"
        }
    }
}

@Suite("Incomplete checkouts, as Git tells")
struct CheckoutInspectionTests {
    private static let overlay = "g/machines/m/root-overlays/site/etc"

    @Test("a complete clone has no findings, whoever owns it and whatever the caller's environment says")
    func complete() async throws {
        let repository = try Repository()
        #expect(try await repository.found(changes: true) == [])
        if geteuid() == 0 { try repository.shell("chown -R 12345:12345 tree") }
        setenv("GIT_DIR", "/nonexistent", 1)
        setenv("GIT_INDEX_FILE", "/nonexistent", 1)
        defer {
            unsetenv("GIT_DIR")
            unsetenv("GIT_INDEX_FILE")
        }
        #expect(try await repository.found() == [])
    }

    static let damages: [(script: String, expected: [String])] = [
        (
            "cd tree; git submodule --quiet deinit -f --all",
            [
                "error g/machines/m/root-overlays/vendor a submodule of Git that was not checked out",
                "error elsewhere a submodule of Git that was not checked out",
            ]
        ),
        ("cd tree; git submodule --quiet deinit -f elsewhere; rmdir elsewhere", ["error elsewhere a submodule of Git that was not checked out"]),
        (
            "cd tree/g/machines/m/root-overlays/vendor; git commit -q --allow-empty -m more",
            ["warning g/machines/m/root-overlays/vendor the submodule is at the commit"]
        ),
        (
            "cd tree; git config core.symlinks false; rm \(overlay)/link g/machines/m/generator-scriptlets/s; git checkout -q .",
            [
                "error g/machines/m/generator-scriptlets/s a text file with the path of a symbolic link (../../../../templates/s)",
                "error \(overlay)/link a text file with the path of a symbolic link (conf)",
            ]
        ),
        (
            "cd tree; b=$(git rev-parse HEAD:\(overlay)/conf); git update-index --add --cacheinfo 100644,$b,\(overlay)/CONF; git commit -qm case",
            ["error \(overlay)/CONF missing in this checkout: where upper and lower case are not told apart, it is the same as 'conf'"]
        ),
        (
            "cd tree; b=$(git rev-parse HEAD:\(overlay)/conf); git update-index --add --cacheinfo 100644,$b,\(overlay.replacing("/etc", with: "/ETC"))/other; git commit -qm case",
            [
                "error g/machines/m/root-overlays/site/ETC missing in this checkout: where upper and lower case are not told apart, it is the same as 'etc'"
            ]
        ),
        (
            "cd tree; echo b >\(overlay)/CONF; git add .; git commit -qm case",
            ["note \(overlay)/CONF differs only in upper and lower case from 'conf'"]
        ),
        ("cd tree; git sparse-checkout set --no-cone '/*' '!conf'", ["error \(overlay)/conf left out of this sparse checkout"]),
        (
            """
            cd tree; git checkout -q -b x; echo x >g/machines/m/packages; git commit -qam x; git checkout -q main; echo y >g/machines/m/packages
            git commit -qam y; git merge -q x || true
            """, ["error g/machines/m/packages a merge conflict that is not resolved"]
        ),
        (
            "cd tree; git config core.fileMode false; chmod 644 g/machines/m/init; chmod 755 \(overlay)/conf",
            [
                "warning g/machines/m/init not executable here, but Git has it as a program",
                "warning \(overlay)/conf executable here, but Git does not have it as a program",
            ]
        ),
        ("rm -rf tree; git clone -q --recurse-submodules --depth 1 file://$PWD/origin tree", []),
        ("printf broken >tree/.git/index", ["warning /"]),
        // A worktree and an archive.
        (
            "rm -rf tree; (cd origin; git worktree add -q ../tree HEAD)",
            [
                "error g/machines/m/root-overlays/vendor a submodule of Git that was not checked out",
                "error elsewhere a submodule of Git that was not checked out",
            ]
        ),
        (
            "rm -rf tree; mkdir tree; (cd origin; git archive HEAD) | tar -C tree -x",
            [
                "error g/machines/m/root-overlays/vendor a submodule of Git that was not checked out",
                "error elsewhere a submodule of Git that was not checked out",
            ]
        ),
    ]

    @Test("what is missing or something else is told with its path", arguments: damages)
    func damage(_ script: String, _ expected: [String]) async throws {
        let repository = try Repository()
        try repository.shell(script)
        let found = try await repository.found()
        #expect(found.count == expected.count, "\(found)")
        for words in expected { #expect(found.contains { $0.hasPrefix(words) }, "\(words) in \(found)") }
    }

    @Test("what belongs to machines that are not selected is not told")
    func selection() async throws {
        let repository = try Repository()
        try repository.shell(
            """
            cd tree; cp -r g/machines/m g/machines/n; rm -rf g/machines/n/root-overlays/vendor; git add .; git commit -qm n
            git config core.symlinks false; rm g/machines/m/root-overlays/site/etc/link; git checkout -q .; git submodule --quiet deinit -f elsewhere
            """)
        #expect(try await repository.found(["g/n"]) == [])
        #expect(
            try await repository.found(["g/m"]).map { String($0.prefix(60)) } == [
                String("error \(Self.overlay)/link a text file with the path".prefix(60))
            ])
    }

    @Test("uncommitted, untracked and ignored files are notes")
    func changes() async throws {
        let repository = try Repository()
        try repository.shell(
            """
            cd tree; echo b >>g/machines/m/packages; echo n >\(Self.overlay)/new; echo '*.rpm' >.git/info/exclude; echo r >g/machines/m/rpms.rpm
            rm \(Self.overlay)/conf
            """)
        let found = try await repository.found(changes: true)
        #expect(
            Set(found) == [
                "note g/machines/m/packages differs from the last commit", "note \(Self.overlay)/new not in Git; other checkouts do not have it",
                "note g/machines/m/rpms.rpm ignored by Git; other checkouts do not have it", "note \(Self.overlay)/conf differs from the last commit",
            ])
    }

    @Test("line ends that a checkout changed are told, those that the repository asks for are not")
    func lineEnds() async throws {
        let repository = try Repository()
        try repository.shell(
            """
            cd tree; echo '*.bat eol=crlf' >.gitattributes; echo x >\(Self.overlay)/a.bat; git add .; git commit -qm bat
            git config core.autocrlf true; rm \(Self.overlay)/conf \(Self.overlay)/a.bat; git checkout -q .
            """)
        #expect(try await repository.found(changes: true) == ["warning \(Self.overlay)/conf checked out with CR LF, but Git has it with LF"])
    }

    @Test("no program that the repository's configuration names is run")
    func hostile() async throws {
        let repository = try Repository()
        try repository.shell(
            """
            printf '#!/bin/sh\\ntouch %s\\n' "$PWD/ran" >program; chmod 755 program; p=$PWD/program
            cd tree; echo '* filter=x diff=x' >.git/info/attributes
            git config core.fsmonitor $p; git config core.hooksPath $PWD; git config core.pager $p; git config diff.external $p
            git config filter.x.clean $p; git config filter.x.process $p; git config filter.x.required true; git config diff.x.textconv $p
            touch -d 2001-01-01 g/machines/m/packages
            """)
        #expect(try await repository.found(changes: true) == [])
        #expect(!FileManager.default.fileExists(atPath: repository.folder + "/ran"))
    }
}
