import Foundation
import Testing

@Suite("Packages of many files", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"))
struct LargePackageTests {
    /// Comparing paths file by file took 12 ms a file where the code was not optimised: 200 s for this package, of which 195 were lost.
    @Test("are installed in seconds, whether the program is optimised or not, with files in mounted folders among them")
    func seventeenThousand() async throws {
        try await Sandbox.withFolder { folder in
            let repository = folder + "/repository"
            try """
            %global __os_install_post %{nil}
            Name: many
            Version: 1
            Release: 1
            Summary: test
            License: none
            BuildArch: noarch
            AutoReqProv: no
            %description
            %install
            mkdir -p %{buildroot}/etc/rpm %{buildroot}/dev %{buildroot}/tmp/kept
            echo 'root:x:0:0::/root:/bin/sh' > %{buildroot}/etc/passwd
            echo 'root:x:0:' > %{buildroot}/etc/group
            echo '%%_example 1' > %{buildroot}/etc/rpm/macros.many
            echo content > %{buildroot}/dev/file
            ln %{buildroot}/dev/file %{buildroot}/dev/name
            for folder in $(seq 1700); do
                mkdir -p %{buildroot}/usr/share/many/$folder
                (cd %{buildroot}/usr/share/many/$folder && touch 1 2 3 4 5 6 7 8 9 10)
            done
            %files
            /etc/passwd
            /etc/group
            /etc/rpm/macros.many
            /dev/file
            /dev/name
            /tmp/kept
            /usr/share/many

            """.write(toFile: folder + "/tests.spec", atomically: true, encoding: .utf8)
            _ = try await shell(
                """
                rpmbuild -bb --quiet --define '_topdir \(folder)/top' --define '_rpmdir \(repository)' '\(folder)/tests.spec' 2>&1
                createrepo_c --quiet '\(repository)'
                """)
            let tree = try SmallRepository.tree(
                in: folder, machines: ["m": "many\n"], repositories: ["r": "baseurl=file://\(repository)\ngpgcheck=0"])
            try "boot: {loader: none}\noutputs: [raw]\ndisks: [{size: 256MiB}]\n".write(
                toFile: tree + "/g/machine-group.yaml", atomically: true, encoding: .utf8)
            let begin = ContinuousClock.now
            let run = try await Sandbox.discographer(["build", "-c", tree, "-s", folder + "/cache", "g"])
            let duration = begin.duration(to: .now)
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(duration < .seconds(120))
            let root = folder + "/cache/g/m/minimal-appliance/installed-packages/root"
            #expect(try await shell("find '\(root)/usr/share/many' -type f | wc -l") == "17000\n")
            let found = try await shell("cat '\(root)'/dev/{file,name}; stat -c %h '\(root)/dev/name'; ls '\(root)/tmp'")
            #expect(found == "content\ncontent\n2\nkept\n")
            // Not "net shared": what librpm left out was made afterwards.
            let states = try await shell("rpm --root '\(root)' --dbpath /var/lib/rpm -q --state many | awk '{ print $1 }' | sort -u")
            #expect(states == "normal\n")
        }
    }
}
