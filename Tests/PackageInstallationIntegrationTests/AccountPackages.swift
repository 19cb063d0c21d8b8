// Packages that declare accounts as rpmbuild 4.19 and newer make them; the build host's rpmbuild can be older.
import Foundation
import HostSystem
import PackageInstallation
import SystemPackage

struct AccountPackage {
    var name: String
    /// Of a file in /usr/lib/sysusers.d with the package's name, as packages have it.
    var configuration: [String] = []
    /// Of %add_sysuser, without such a file.
    var lines: [String] = []
    /// Lines of %files below /srv/NAME.
    var files: [String] = []
    /// Of the preamble.
    var relations: [String] = []
    /// Further sections of the spec file; `-n NAME` is added to their first lines.
    var sections: [String] = []
    var version = "1"

    var source: FilePath? { configuration.isEmpty ? nil : FilePath("/usr/lib/sysusers.d/\(name).conf") }

    /// Brings passwd and the like, as `setup` does.
    static let base = AccountPackage(name: "base")

    /// The provides of a line (%add_sysuser of rpm's macros.in): its fields, joined by one blank, with NUL bytes up to a multiple of three.
    static func provides(_ line: String) -> [String] {
        let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
        var bytes = Array(fields.joined(separator: " ").utf8)
        while bytes.count % 3 != 0 { bytes.append(0) }
        let encoded = Data(bytes).base64EncodedString()
        return switch fields[0] {
        case "g": ["group(\(fields[1])) = \(encoded)"]
        case "m": ["groupmember(\(fields[1])/\(fields[2])) = \(encoded)"]
        default: ["user(\(fields[1])) = \(encoded)", "group(\(fields[1]))"]
        }
    }

    private var install: String {
        var commands = ["mkdir -p %{buildroot}/srv/\(name)"]
        if name == Self.base.name {
            commands += [
                #"mkdir -p %{buildroot}/etc"#,
                #"printf 'root:x:0:0:root:/root:/bin/sh\nmail:x:8:12:mail:/var/mail:/sbin/nologin\n' >%{buildroot}/etc/passwd"#,
                #"printf 'root:x:0:\nmail:x:12:mail\nusers:x:100:\n' >%{buildroot}/etc/group"#,
                #"printf 'root:*:19000:0:99999:7:::\nmail:*:19000:0:99999:7:::\n' >%{buildroot}/etc/shadow"#,
                #"printf 'root:::\nmail:::mail\nusers:::\n' >%{buildroot}/etc/gshadow"#,
            ]
        }
        if let source {
            commands.append(
                "mkdir -p %{buildroot}/usr/lib/sysusers.d\ncat >%{buildroot}\(source) <<'END'\n\(configuration.joined(separator: "\n"))\nEND")
        }
        for file in files {
            let path = file.split(separator: " ").last.map(String.init) ?? ""
            commands.append(file.contains("%dir") ? "mkdir -p %{buildroot}\(path)" : "echo \(name) >%{buildroot}\(path)")
        }
        return commands.joined(separator: "\n")
    }

    private var sectionsOfPackage: String {
        let own = lines.flatMap(Self.provides).map { "Provides: \($0)" }
        var listed = ["/srv/\(name)"] + files
        if name == Self.base.name {
            listed = [
                "%dir /srv/base", "%attr(0644,root,root) %config(noreplace) %verify(not md5 size mtime) /etc/passwd",
                "%attr(0644,root,root) %config(noreplace) %verify(not md5 size mtime) /etc/group",
                "%attr(0000,root,root) %config(noreplace) %verify(not md5 size mtime) /etc/shadow",
                "%attr(0000,root,root) %config(noreplace) %verify(not md5 size mtime) /etc/gshadow",
            ]
        } else {
            listed[0] = "%dir /srv/\(name)"
        }
        if let source { listed.append(source.string) }
        let others = sections.map { section in
            let (first, rest) = (section.prefix { $0 != "\n" }, section.drop { $0 != "\n" })
            let words = first.split(separator: " ", maxSplits: 1)
            return "\(words[0]) -n \(name) \(words.count > 1 ? String(words[1]) : "")\(rest)"
        }
        return """
            %package -n \(name)
            Version: \(version)
            Summary: Accounts
            \((own + relations).joined(separator: "\n"))
            %description -n \(name)
            \(others.joined(separator: "\n"))
            %files -n \(name)
            \(listed.joined(separator: "\n"))

            """
    }

    /// Builds packages in a folder.
    ///
    /// - Returns: the packages in their order.
    static func build(_ packages: [AccountPackage], in folder: FilePath) async throws -> [PackageFile] {
        try createDirectories(folder.pushing("attributes"))
        let spec = """
            %global __os_install_post %{nil}
            %global __sysusers_path ^/usr/lib/sysusers.d/.*[.]conf$
            %global __sysusers_provides \(folder)/provides
            Name: accounts
            Version: 1
            Release: 1
            Summary: Accounts
            License: MIT
            BuildArch: noarch
            %description
            %install
            \(packages.map(\.install).joined(separator: "\n"))

            """
        try writeAtomically((spec + packages.map(\.sectionsOfPackage).joined(separator: "\n")).utf8, to: folder.appending("accounts.spec"))
        try writeAtomically("%__sysusers_path x\n".utf8, to: folder.pushing("attributes/sysusers.attr"))
        // As fileattrs/sysusers.attr of rpm 4.20.
        let table = packages.flatMap { package in
            package.configuration.filter { !$0.hasPrefix("#") && !$0.hasPrefix("r ") && !$0.isEmpty }.flatMap { line in
                provides(line).map { "\(package.source?.string ?? "")\t\($0)" }
            }
        }
        try writeAtomically((table.joined(separator: "\n") + "\n").utf8, to: folder.appending("table"))
        let program = "#!/bin/bash\nwhile read -r file; do awk -F'\\t' -v file=\"$file\" 'index(file, $1) { print $2 }' \(folder)/table; done\n"
        try writeAtomically(program.utf8, to: folder.appending("provides"), permissions: [.ownerReadWriteExecute])
        _ = try await InstallBench.program("/usr/bin/rpmbuild").run([
            "-bb", "--quiet", "--nodeps", "--define", "_topdir \(folder)/build", "--define", "_rpmdir \(folder)", "--define",
            "_rpmfilename %%{NAME}.rpm",
            "--define", "_fileattrsdir \(folder)/attributes", folder.appending("accounts.spec").string,
        ])
        return packages.map { package in
            PackageFile(path: folder.appending("\(package.name).rpm"), nevra: "\(package.name)-\(package.version)-1.noarch", isSigned: false)
        }
    }
}
