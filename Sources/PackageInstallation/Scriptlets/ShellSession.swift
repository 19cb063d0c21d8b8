public import HostSystem
public import SystemPackage

/// A shell in a machine's root, with the view and the privileges of the packages' scriptlets. Changes are lost at the end.
public struct ShellSession: WorkerSession {
    public static let name = "shell"

    /// The uppermost first.
    public var layers: [FilePath]
    public var machineName: String
    public var sourceDateEpoch: Int
    /// Empty for the root's shell.
    public var command: [String]
    /// The caller's TERM.
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
        try prepareConstantUname()
        try confine()
        var environment = scriptletEnvironment(sourceDateEpoch: sourceDateEpoch)
        environment["TERM"] = terminal
        environment["PS1"] = "[\\h \\w]# "
        return try runInRoot(root, command, environment: environment)
    }
}

/// The whole environment of scriptlets: nothing comes from the build host.
func scriptletEnvironment(sourceDateEpoch: Int) -> [String: String] {
    [
        "SOURCE_DATE_EPOCH": "\(sourceDateEpoch)", "HOME": "/root", "TZ": "UTC",
        // The only locale of every target: glibc of CentOS 7 does not have C.UTF-8, and its bash would warn of that in each scriptlet.
        "LC_ALL": "C",
        // As librpm sets it for scriptlets (rpmscript.c).
        "PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/X11R6/bin",
        // Keeps dracut from making device nodes in initramfs images (dracut(8)): ordinary users cannot make them, and get the same image as root
        // this way. The kernel and dracut's /init make these five nodes anyway.
        "DRACUT_NO_MKNOD": "1",
    ]
}
