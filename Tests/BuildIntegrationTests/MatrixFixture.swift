import Foundation
import Testing

/// A repository of a few small packages and a tree of three machines in two groups, of which every kind of file is there; built once, for all rows of the matrix.
///
/// Every row works on a copy at the same place with the same cache. Afterwards the cache has again what it had before.
actor MatrixFixture {
    static let shared = MatrixFixture()

    static let folder: String = {
        atexit { system("/bin/rm -rf --one-file-system /var/tmp/discographer-matrix-\(getpid())") }
        return "/var/tmp/discographer-matrix-\(getpid())"
    }()

    static let work = folder + "/work"
    static let cache = folder + "/cache"
    static let tree = work + "/tree"

    private var making: Task<Void, any Error>?
    /// Machines whose artefacts are those of a changed tree: the next build publishes them again.
    private(set) var changed: Set<String> = []

    func note(changed machines: Set<String>) { changed = machines }

    /// Makes the tree, and builds all machines.
    func prepare() async throws {
        if making == nil { making = Task { try await Self.make() } }
        try await making?.value
    }

    private static func make() async throws {
        _ = try await shell("mkdir -p '\(work)'; cd '\(work)'\n\(script)")
        _ = try await shell(
            "cp -r '\(Sandbox.checkout)/functions' '\(Sandbox.checkout)/paths' '\(work)'; cp -a '\(work)' '\(folder)/pristine'")
        let build = try await Self.build()
        try #require(build.status == 0, "\(build.output)\(build.errors)")
        _ = try await shell("cd '\(cache)'; ls stages > '\(folder)/stages'; \(digests) > '\(folder)/digests'")
    }

    /// Of all artefacts, without what tells when they were made.
    static let digests = "cd '\(cache)'; sha256sum */*/artefacts/*"

    /// The tree, the repository and the tables of programs as they were made.
    static func restore() async throws { _ = try await shell("rm -rf '\(work)'; cp -a '\(folder)/pristine' '\(work)'") }

    /// Removes results that the first build did not make.
    static func forget() async throws {
        _ = try await shell(
            """
            cd '\(cache)'; ls stages | grep -vxFf '\(folder)/stages' | sed 's,^,stages/,' | xargs -r rm -rf
            ls -d */*/artefacts | grep -vx -e 'g/\\(one\\|two\\)/artefacts' -e h/three/artefacts | xargs -r dirname | xargs -r rm -rf
            """)
    }

    /// Runs the body with a copy of the cache and with the tree as it was made.
    static func withCopy(_ body: (_ cache: String) async throws -> Void) async throws {
        try await shared.prepare()
        let copy = folder + "/copy"
        _ = try await shell("cp -a '\(cache)' '\(copy)'")
        let result: Result<Void, any Error>
        do { result = .success(try await body(copy)) } catch { result = .failure(error) }
        _ = try await run(["rm", "-rf", "--one-file-system", copy])
        try await restore()
        try result.get()
    }

    /// - Parameter host: a script that changes the host for this build alone.
    static func build(
        _ arguments: [String] = [], cache: String = cache, tree: String = tree, groups: [String] = ["g", "h"], environment: [String: String] = [:],
        host: String? = nil
    ) async throws -> Run {
        let words =
            [
                Sandbox.program, "build", "--json", "-c", tree, "-s", cache, "-f", work + "/functions", "-p", work + "/paths",
            ] + groups
        guard let host else { return try await run(words + arguments, environment: environment) }
        let script = "cd '\(tree)'\n\(host)\nexec \"$@\""
        return try await run(["unshare", "--mount", "--uts", "bash", "-euc", script, "host"] + words + arguments, environment: environment)
    }

    struct Event: Decodable {
        var event: String
        var machine: String?
        var stage: String?
        var subject: String?
        var cached: Bool?
        var sharedWith: String?
        var text: String?
        var cause: String?
    }

    static func events(_ run: Run) throws -> [Event] {
        try run.output.split(separator: "\n").map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
    }

    /// The stages that ran, by machine, name and subject: those that machines share, by the one for which they were done. Resolution, which every build asks for, is left
    /// out.
    static func stages(_ run: Run) throws -> [String] {
        try events(run).filter { $0.event == "stageFinished" && $0.cached == false && $0.sharedWith == nil && $0.stage != "resolve" }
            .map { [$0.machine, $0.stage, $0.subject].compactMap { $0 }.joined(separator: " ") }.sorted()
    }

    /// Makes the repository and the tree in the current folder.
    private static let script = #"""
        export GNUPGHOME="$PWD/gnupg"; mkdir -m 700 gnupg
        for name in ours theirs; do
            gpg --quiet --batch --passphrase '' --quick-gen-key "$name@example.org" rsa2048 sign never 2>/dev/null
            gpg --armor --export "$name@example.org" > "$name.asc"
        done
        build() {
            cat > packages.spec
            rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD/$1" \
                --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' packages.spec 2>&1
            rm -r top packages.spec
        }
        sign() {
            rpmsign --define '_gpg_name ours@example.org' --define '__gpg /usr/bin/gpg' --define "_gpg_path $GNUPGHOME" --addsign "$@" >/dev/null 2>&1
        }
        preamble='License: none
        BuildArch: noarch
        Summary: test
        %description'
        build repository <<SPEC
        Name: a
        Version: 1
        Release: 1
        $preamble
        %install
        mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/a %{buildroot}/boot %{buildroot}/etc
        for file in data unwanted documentation german; do echo a > %{buildroot}/usr/share/a/\$file; done
        echo a > %{buildroot}/usr/bin/setuid; echo a > %{buildroot}/usr/bin/setgid; echo a > %{buildroot}/boot/vmlinuz-1
        echo 'root:x:0:0::/:/bin/sh' > %{buildroot}/etc/passwd; echo 'root:x:0:' > %{buildroot}/etc/group
        %files
        /usr/share/a/data
        /usr/share/a/unwanted
        %doc /usr/share/a/documentation
        %lang(de) /usr/share/a/german
        %attr(4755,root,root) /usr/bin/setuid
        %attr(2755,root,root) /usr/bin/setgid
        %package -n setup
        $preamble -n setup
        %files -n setup
        /etc/passwd
        /etc/group
        %package -n kernel
        $preamble -n kernel
        %files -n kernel
        /boot/vmlinuz-1
        %package -n b
        $preamble -n b
        %files -n b
        %package -n bad
        $preamble -n bad
        %post -n bad -p <lua>
        error("sorry")
        %files -n bad
        SPEC
        for summary in local1 local2; do
            build $summary <<SPEC
        Name: local
        Version: 1
        Release: 1
        $preamble
        $summary
        %files
        SPEC
        done
        for version in 1 2; do
            build b$version <<SPEC
        Name: b
        Version: $version
        Release: 1
        $preamble
        rebuilt
        %files
        SPEC
        done
        sign repository/*.rpm b1/*.rpm b2/*.rpm
        createrepo_c --quiet --revision 1 --set-timestamp-to-revision repository
        gpgconf --kill all

        mkdir -p tree/templates/yum/{repositories,keys,vars} tree/templates/{scriptlets,overlays/common/etc,secrets} tree/g/machines/{one,two} tree/h/machines/three
        cd tree/templates
        echo '[main]' > yum/yum.conf.template
        cat > yum/repositories/r.repo <<REPO
        [r]
        name=r
        baseurl=file://$OLDPWD/repository
        gpgcheck=1
        gpgkey=file://\${configPath}/templates/yum/keys/ours.asc
        REPO
        cp ../../ours.asc yum/keys/
        echo 1 > yum/vars/unused
        printf '#!/bin/sh\n' > init; chmod 755 init
        cat > scriptlets/10-files <<'SCRIPTLET'
        mkdir -p "$generatedMachineRootOverlaysPath/generated/etc"
        cat "$machine_configPath/secrets/key" > "$generatedMachineRootOverlaysPath/generated/etc/key"
        SCRIPTLET
        echo common > overlays/common/etc/common
        echo key > secrets/key

        cd ../g
        cat > machine-group.yaml <<'YAML'
        boot: {loader: none}
        disks: [{size: 64MiB}]
        outputs: [qcow2]
        YAML
        cd machines/one
        printf '# comment\na\nb\n' > packages
        echo '/dev/fifo p 660' > devices
        ln -s ../../../templates/yum yum
        ln -s ../../../templates/init init
        ln -s ../../../templates/secrets secrets
        mkdir -p generator-scriptlets root-overlays/site/etc root-underlays/under/srv rpms
        ln -s ../../../../templates/scriptlets/10-files generator-scriptlets/10-files
        ln -s ../../../../templates/overlays/common root-overlays/10-common
        echo site > root-overlays/site/etc/site
        ln -s site root-overlays/site/etc/link
        ln -s "$(printf '/srv/\377')" root-overlays/site/etc/bytes
        echo '/etc/site root root 0640' > root-overlays/site.permissions
        echo under > root-underlays/under/srv/under
        echo '/srv/under root root 0640' > root-underlays/under.permissions
        cp ../../../../local1/*.rpm rpms/local.rpm
        echo /usr/bin/setuid > suid.whitelist
        echo /usr/bin/setgid > guid.whitelist
        cd ../two
        printf 'a\nkernel\nbad\n' > packages
        : > devices
        ln -s ../../../templates/yum yum
        ln -s ../../../templates/init init
        mkdir -p tests root-overlays/site/etc
        printf '#!/bin/sh\n' > tests/run; chmod 755 tests/run
        echo two > root-overlays/site/etc/two
        echo bytes > "root-overlays/site/etc/$(printf '\377')"
        cat > machine.yaml <<'YAML'
        boot: {loader: grub}
        outputs: [raw]
        toleratedScriptlets:
        - {package: bad, scriptlet: "%post", reason: first}
        YAML

        cd ../../../h
        cat > machine-group.yaml <<'YAML'
        boot: {loader: none}
        disks: [{size: 64MiB}]
        outputs: [ova]
        toleratedScriptlets:
        - {package: bad, scriptlet: "%post", reason: of the group}
        YAML
        printf 'kernel\nbad\n' > packages
        echo '/dev/group p 660' > devices
        mkdir -p root-overlays/site/etc
        echo group > root-overlays/site/etc/group-site
        echo /usr/bin/setuid > suid.whitelist
        echo /usr/bin/setgid > guid.whitelist
        cd machines/three
        echo a > packages
        : > devices
        ln -s ../../../templates/yum yum
        ln -s ../../../templates/init init
        """#
}
