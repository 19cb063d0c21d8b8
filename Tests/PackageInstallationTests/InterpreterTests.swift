import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import PackageInstallation

/// Why a scriptlet's interpreter cannot be started.
@Suite("Interpreters of scriptlets")
struct InterpreterTests {
    private static let folder = "/var/tmp/discographer-interpreters-\(getpid())"

    private static func elf(machine: UInt16, loader: String? = nil) -> [UInt8] {
        func bytes(_ number: Int, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
        let head: [UInt8] =
            [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9) + bytes(2, 2) + bytes(Int(machine), 2) + bytes(1, 4) + bytes(0, 8)
            + bytes(64, 8) + bytes(0, 8) + bytes(0, 4) + bytes(64, 2) + bytes(56, 2) + bytes(loader == nil ? 0 : 1, 2) + bytes(0, 6)
        guard let loader else { return head + [UInt8](repeating: 0, count: 64) }
        let path = Array(loader.utf8) + [0]
        return head + bytes(3, 4) + bytes(4, 4) + bytes(120, 8) + bytes(0, 16) + bytes(path.count, 8) + bytes(path.count, 8) + bytes(1, 8) + path
    }

    #if arch(x86_64)
        private static let (native, foreign, foreignName): (UInt16, UInt16, String) = (62, 183, "aarch64")
    #else
        private static let (native, foreign, foreignName): (UInt16, UInt16, String) = (183, 62, "x86_64")
    #endif

    private static let faults: [(name: String, content: [UInt8]?, mode: mode_t, fault: String)] = [
        ("missing", nil, 0, "is not in the root; no package that was installed before has it"),
        ("plain", Array("#!/bin/sh\n".utf8), 0o644, "is not executable: its mode is 644"),
        ("script", Array("#!/nowhere/none -f\n".utf8), 0o755, "is a script, and its own interpreter /nowhere/none is not in the root"),
        ("nameless", Array("#!\n".utf8), 0o755, "is a script whose first line names no interpreter"),
        ("empty", [], 0o755, "is an empty file"),
        ("text", Array("hello\n".utf8), 0o755, "is neither a script with '#!' nor a program"),
        ("foreign", elf(machine: foreign), 0o755, "is a program for \(foreignName); the build host is"),
        ("loader", elf(machine: native, loader: "/nowhere/ld.so"), 0o755, "needs the loader /nowhere/ld.so, which is not in the root"),
        ("good", elf(machine: native), 0o755, "cannot be started"),
    ]

    @Test("are named with what is wrong with them", arguments: faults.indices)
    func fault(_ index: Int) throws {
        let (name, content, mode, fault) = Self.faults[index]
        let folder = FilePath("\(Self.folder)-\(name)")
        try createDirectories(folder)
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        let path = folder.appending(name)
        if let content {
            try writeAtomically(content, to: path)
            try #require(chmod(path.string, mode) == 0)
        }
        let interpreter = try #require(
            Interpreter(outOf: "before\nfailed to exec scriptlet interpreter \(path): No such file or directory\n"))
        #expect(interpreter.program == path.string)
        let sentence = interpreter.fault(of: "lib-1-1.noarch's %post")
        #expect(sentence.hasPrefix("\(path), the interpreter of lib-1-1.noarch's %post, \(fault)"), "\(sentence)")
    }

    @Test("that are links or folders")
    func links() throws {
        let folder = FilePath("\(Self.folder)-links")
        try createDirectories(folder)
        defer { try? FileManager.default.removeItem(atPath: folder.string) }
        for (name, target) in [("dangling", "gone"), ("loop", "loop")] {
            try #require(symlink(target, folder.appending(name).string) == 0)
        }
        func fault(_ path: FilePath) throws -> String {
            try #require(Interpreter(outOf: "failed to exec scriptlet interpreter \(path): x")).fault(of: "x")
        }
        #expect(try fault(folder.appending("dangling")).hasSuffix("is a link to gone, which is not in the root"))
        #expect(try fault(folder.appending("loop")).hasSuffix("is a link that leads to itself"))
        #expect(try fault(folder).hasSuffix("is a folder"))
        #expect(Interpreter(outOf: "ldconfig: not found\n") == nil)
    }
}
