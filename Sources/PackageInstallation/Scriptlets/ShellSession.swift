public import HostSystem
public import SystemPackage

/// A person in a machine's root, with the view and the privileges that the packages' scriptlets have there. What is changed is forgotten.
public struct ShellSession: WorkerSession {
    public static let name = "shell"

    /// The uppermost first.
    public var layers: [FilePath]
    public var machineName: String
    public var sourceDateEpoch: Int
    /// None is the root's shell.
    public var command: [String]
    /// The caller's TERM, for programs that draw.
    public var terminal: String?

    public init(layers: [FilePath], machineName: String, sourceDateEpoch: Int, command: [String], terminal: String?) {
        self.layers = layers
        self.machineName = machineName
        self.sourceDateEpoch = sourceDateEpoch
        self.command = command
        self.terminal = terminal
    }

    public var isolation: Isolation {
        var isolation = Isolation(writablePaths: [], readablePaths: layers, hostname: machineName)
        isolation.hidesHost = true
        return isolation
    }

    public func run() throws -> Int32 {
        let root = try mountThrowAwayRoot(layers)
        _ = try ScriptletFileSystems(installRoot: root)
        try confine()
        var environment = scriptletEnvironment(sourceDateEpoch: sourceDateEpoch)
        environment["TERM"] = terminal
        environment["PS1"] = "[\\h \\w]# "
        return try runInRoot(root, command, environment: environment)
    }
}

/// What scriptlets find in their environment: nothing of the build host's.
func scriptletEnvironment(sourceDateEpoch: Int) -> [String: String] {
    [
        "SOURCE_DATE_EPOCH": "\(sourceDateEpoch)", "HOME": "/root", "TZ": "UTC",
        // The one locale that every target has: glibc of CentOS 7 knows no C.UTF-8, and its bash warns of that in each scriptlet.
        "LC_ALL": "C",
        // librpm's own, for all scriptlets (rpmscript.c).
        "PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/X11R6/bin",
        // dracut puts five device nodes into initramfs images that the kernel and its own /init make anyway. Ordinary users cannot make
        // them, and build the same images as root (dracut(8), DRACUT_NO_MKNOD).
        "DRACUT_NO_MKNOD": "1",
    ]
}
