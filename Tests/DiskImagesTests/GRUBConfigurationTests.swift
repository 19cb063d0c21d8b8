import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import DiskImages

@Suite("grub.cfg")
struct GRUBConfigurationTests {
    static let arguments = [
        "a;reboot", "$x", "${x}", "{", "}", "a|b", "a&b", "<a>", "#", "a#b", "it's", "a\\b", "a\\x20b", "*", "?", "[a]", "!", "~", "`date`",
        "$(date)", "ä=ö", "日本",
        "x=\"a b\"", "\"y=a  b\"", "x=%s", "a=b=c", "é", "menuentry", "quiet splash",
    ]

    static func configuration(_ arguments: [String], title: String = "g/m", release: String = "6.1") -> BootConfiguration {
        var settings = BootSettings()
        settings.kernelArguments = arguments
        return BootConfiguration(
            kernels: [Kernel(release: release, image: FilePath("/boot/vmlinuz-\(release)"), initramfs: FilePath("/boot/initrd-\(release)"))],
            settings: settings, rootUUID: "U", title: title)
    }

    static func run(_ program: String, _ arguments: [String], input: String) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stdout
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    @Test("GRUB's own parser takes every title, argument and kernel", arguments: arguments)
    func parses(_ argument: String) throws {
        for boot in [
            Self.configuration([argument]), Self.configuration([], title: "\(argument)/m"), Self.configuration([], release: argument),
            Self.configuration([argument, argument]),
        ] {
            let judged = try Self.run("/usr/bin/grub-script-check", [], input: boot.grubConfiguration)
            #expect(judged.status == 0, "\(boot.grubConfiguration)\n\(judged.output)")
        }
    }

    /// GRUB's shell and that of POSIX agree about single quotes and about words without special characters, which are all that the file has.
    @Test("the words that arrive are those that were written, and nothing is run", arguments: arguments)
    func evaluates(_ argument: String) throws {
        let boot = Self.configuration([argument], title: "\(argument)/m")
        let lines = boot.grubConfiguration.split(separator: "\n")
        let linux = try #require(lines.first { $0.hasPrefix("    linux ") }).dropFirst("    linux ".count)
        let entry = try #require(lines.first { $0.hasPrefix("menuentry ") }).dropFirst("menuentry ".count).dropLast(2)
        let words = try Self.run("/bin/sh", ["-f"], input: "printf '%s\\0' \(linux)").output.split(separator: "\0").map(String.init)
        let expected = try KernelArgument.arguments(in: argument).map(\.text)
        #expect(Array(words.suffix(expected.count)) == expected)
        #expect(words.prefix(4) == ["/boot/vmlinuz-6.1", "root=UUID=U", "ro", "init=/init"])
        #expect(try Self.run("/bin/sh", ["-f"], input: "printf '%s\\0' \(entry)").output == "\(argument)/m, Linux 6.1\0")
    }

    @Test("plain configurations are not quoted, and the kernel's command line has its own quotes")
    func plain() {
        let boot = Self.configuration(["console=hvc0", "x=\"a b\""])
        #expect(
            boot.grubConfiguration.contains(
                "menuentry 'g/m, Linux 6.1' {\n    linux /boot/vmlinuz-6.1 root=UUID=U ro init=/init console=hvc0 'x=a b'\n"))
        #expect(boot.kernelCommandLine == "root=UUID=U ro init=/init console=hvc0 \"x=a b\"")
    }
}
