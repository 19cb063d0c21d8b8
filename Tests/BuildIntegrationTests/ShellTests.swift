import Foundation
import Testing

@Suite("The shell", .enabled(if: Sandbox.isAsked, "DISCOGRAPHER_INTEGRATION=1, as root"), .serialized)
struct ShellTests {
    @Test("a failed root is kept when asked, entered, and cleaned; a good one is entered as it was installed and as it was composed")
    func keptRoot() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            let cache = folder + "/cache"
            _ = try await shell(
                """
                cd '\(tree)/test/machines/one'
                mkdir rpms; cd '\(folder)'
                printf 'Name: broken\\nVersion: 1\\nRelease: 1\\nSummary: x\\nLicense: none\\nBuildArch: noarch\\n%%description\\nx\\n%%files\\n%%post\\necho traced > /trace\\necho the words; exit 3\\n' > broken.spec
                rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD" broken.spec
                mv noarch/*.rpm '\(tree)/test/machines/one/rpms/'
                """)
            func build(_ options: [String]) async throws -> Run {
                try await Sandbox.discographer(["build", "-c", tree, "-s", cache] + options + ["test"])
            }
            func enter(_ options: [String], _ command: [String]) async throws -> Run {
                try await Sandbox.discographer(["shell", "-c", tree, "-s", cache] + options + ["test/one", "--"] + command)
            }
            let failed = try await build(["--keep-root"])
            #expect(failed.status == 1)
            let kept = cache + "/test/one/minimal-appliance/failed-install/root"
            #expect(failed.output.contains("broken-1-1.noarch %post: ") && failed.output.contains("the words"), "\(failed.output)")
            #expect(failed.output.contains(kept) && failed.output.contains("discographer shell test/one"), "\(failed.output)")
            let log = try String(contentsOfFile: cache + "/test/one/yum/log/build.log", encoding: .utf8)
            #expect(log.contains("broken-1-1.noarch %post:\nthe words\n"), "\(log)")

            let trace = try await enter(
                [], ["sh", "-c", "cat /trace; hostname 2>/dev/null || cat /proc/sys/kernel/hostname; echo x > /mine; exit 5"])
            #expect(trace.output == "traced\none\n" && trace.status == 5, "\(trace.output)\(trace.errors)")
            #expect(!FileManager.default.fileExists(atPath: kept + "/mine"), "what a shell changed stayed")
            // What scriptlets have, and no more.
            let environment = try await enter(
                [], ["sh", "-c", "unset TERM PS1; env | sort; ls /root; mknod /d b 254 0; cat /d; kill -9 1; echo alive"])
            #expect(
                environment.output == """
                    DRACUT_NO_MKNOD=1
                    HOME=/root
                    LC_ALL=C
                    PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/X11R6/bin
                    PWD=/
                    SOURCE_DATE_EPOCH=1577836800
                    TZ=UTC
                    alive

                    """, "\(environment.output)\(environment.errors)")
            #expect(environment.errors.contains("Permission denied"), "\(environment.errors)")
            // The caller's limit is not theirs.
            #expect(try await enter([], ["sh", "-c", "ulimit -n"]).output == "1024\n")

            let clean = try await Sandbox.discographer(["clean", "-c", tree, "-s", cache, "test"])
            #expect(clean.status == 0 && clean.output.contains("test/one  cleaned"), "\(clean.output)\(clean.errors)")
            #expect(!FileManager.default.fileExists(atPath: kept))
            let nothing = try await enter(["--at", "failed"], ["true"])
            #expect(nothing.status == 1 && nothing.errors.contains("has no failed root"), "\(nothing.errors)")

            _ = try await shell("rm -r '\(tree)/test/machines/one/rpms'")
            #expect(try await build([]).status == 0)
            let installed = try await enter(["--at", "installed"], ["ls", "/init"])
            #expect(installed.status != 0)
            let composed = try await enter([], ["ls", "/init"])
            #expect(composed.status == 0 && composed.output == "/init\n", "\(composed.errors)")
            #expect(try await Sandbox.traces(of: folder) == [])
        }
    }

    @Test("ends when it is told to", arguments: [("TERM", 143), ("HUP", 129)])
    func signals(_ signal: String, _ status: Int) async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            let options = "-c '\(tree)' -s '\(folder)/cache'"
            let words = try await shell(
                """
                cd '\(folder)'
                '\(Sandbox.program)' build \(options) test > /dev/null
                '\(Sandbox.program)' shell \(options) test/one -- sh -c 'echo entered; exec sleep 300' > out &
                for i in $(seq 600); do grep -q entered out && break; sleep 0.1; done
                kill -\(signal) $!
                wait $! && echo 0 || echo $?
                """)
            #expect(words == "\(status)\n")
            try await Sandbox.expectNoTraces(of: folder, signal)
        }
    }

    @Test("several look at a root at once; a build waits for them and they for it; the command has no descriptor of the cache")
    func lock() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            let cache = folder + "/cache"
            #expect(try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"]).status == 0)
            // flock(1) is the other build.
            let words = try await shell(
                """
                cd '\(folder)'
                enter() { '\(Sandbox.program)' shell -c '\(tree)' -s '\(cache)' test/one -- "$@"; }
                until_true() { for i in $(seq 600); do "$@" && return; sleep 0.1; done; echo "never: $*"; }
                lock=cache/test/one/lock
                mkfifo go
                enter sh -c 'echo entered; read -r word; echo "$word"' > first < go &
                exec 3> go
                until_true grep -q entered first
                enter sh -c 'ls /proc/self/fd | tr "\\n" " "; echo second' 3>&-
                flock --exclusive --nonblock $lock true && echo nobody is there || echo locked
                echo first >&3; exec 3>&-
                wait; tail -1 first
                flock --exclusive --nonblock $lock true && echo free
                # Until somebody says that he waits.
                flock --exclusive $lock sh -c 'touch held; for i in $(seq 600); do [ -s waiting ] && break; sleep 0.1; done; sleep 1; rm held' &
                until_true [ -e held ]
                enter true 2> waiting; [ ! -e held ] && echo waited; cat waiting
                """)
            #expect(
                words
                    == """
                    0 1 2 3 second
                    locked
                    first
                    free
                    waited
                    test/one: a build of this machine is running; waiting for it

                    """, "\(words)")
            #expect(try await Sandbox.traces(of: folder) == [])
        }
    }

    @Test("on a terminal: a prompt, ^C that ends a program and not the shell, job control")
    func terminal() async throws {
        try await Sandbox.withFolder { folder in
            let tree = try await Sandbox.makeTree(in: folder, packages: Sandbox.smallSet, machine: Sandbox.noBootLoader)
            let cache = folder + "/cache"
            #expect(try await Sandbox.discographer(["build", "-c", tree, "-s", cache, "test"]).status == 0)
            // tmux is a terminal, and a server of its own for this test alone.
            let screen = try await shell(
                """
                cd '\(folder)'
                tmux() { command tmux -S '\(folder)/tmux' "$@"; }
                wait_for() { for i in $(seq 600); do tmux capture-pane -p | grep -q "$1" && return; sleep 0.1; done; tmux capture-pane -p; return 1; }
                tmux new-session -d -x 120 -y 40 "'\(Sandbox.program)' shell -c '\(tree)' -s '\(cache)' test/one; echo ended with \\$?; sleep 100"
                trap 'command tmux -S "\(folder)/tmux" kill-server' EXIT
                wait_for '#'
                # What is typed is on the screen too: only the program's own word is in one piece.
                tmux send-keys "sh -c 'echo star''ted; exec sleep 1000'" Enter; wait_for '^started'
                tmux send-keys C-c; tmux send-keys 'echo interrupted $?' Enter
                wait_for '^interrupted 130'
                tmux send-keys 'sleep 1000 &' Enter 'jobs' Enter
                wait_for 'Running'
                tmux send-keys 'exit 7' Enter
                wait_for '^ended with 7'
                tmux capture-pane -p
                """)
            #expect(!screen.contains("no job control"), "\(screen)")
            try await Sandbox.expectNoTraces(of: folder, "a shell of tmux")
        }
    }
}
