// Why a scriptlet's interpreter could not be started. librpm says so in the child that should have become it, and the kernel's reason is one word for several
// faults: ENOENT is a missing file, a link that leads nowhere, or a missing interpreter or loader of the interpreter itself (execve(2)).
import Glibc
import HostSystem
import SystemPackage

struct Interpreter {
    /// As the package names it, such as `/sbin/ldconfig`.
    let program: String

    /// What librpm's child says when it cannot become the interpreter (doScriptExec, rpmscript.c); `nil` when the output is something else.
    init?(outOf output: String) {
        guard let said = output.firstMatch(of: /failed to exec scriptlet interpreter (.+): [^\n:]+/) else { return nil }
        program = String(said.1)
    }

    /// The fault, as a sentence. To be called where `/` is the root of the packages.
    ///
    /// - Parameter user: the scriptlet, such as `lib-1-1.noarch's %post`.
    func fault(of user: String) -> String {
        "\(program), the interpreter of \(user), \(fault(of: program, depth: 0) ?? "cannot be started")"
    }

    /// `nil`: none was found.
    private func fault(of path: String, depth: Int) -> String? {
        guard path.hasPrefix("/") else { return "is not an absolute path" }
        var status = stat()
        guard stat(path, &status) == 0 else {
            let error = Errno(rawValue: errno)
            guard lstat(path, &status) == 0 else {
                return [.noSuchFileOrDirectory, .notDirectory].contains(error)
                    ? "is not in the root; no package that was installed before has it" : "cannot be found: \(error)"
            }
            let target = (try? linkTarget(path)).map { String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self) } ?? "?"
            return error == .tooManySymbolicLinkLevels ? "is a link that leads to itself" : "is a link to \(target), which is not in the root"
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: return "is a folder"
        default: return "is not a regular file"
        }
        guard status.st_mode & 0o111 != 0 else { return "is not executable: its mode is \(String(status.st_mode & 0o7777, radix: 8))" }
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec) else { return nil }
        var head = [UInt8](repeating: 0, count: 4096)
        let count = (try? file.closeAfter { try head.withUnsafeMutableBytes { try file.read(into: $0) } }) ?? 0
        return fault(ofContent: head[..<count], depth: depth)
    }

    private func fault(ofContent head: ArraySlice<UInt8>, depth: Int) -> String? {
        if head.isEmpty { return "is an empty file" }
        if head.starts(with: "#!".utf8) {
            let line = String(decoding: head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            guard let next = line.split(whereSeparator: { " \t".contains($0) }).first.map(String.init) else {
                return "is a script whose first line names no interpreter"
            }
            // The kernel follows as many (BINPRM_MAX_RECURSION, fs/exec.c).
            guard depth < 4 else { return "is a script of a script of a script of a script" }
            return fault(of: next, depth: depth + 1).map { "is a script, and its own interpreter \(next) \($0)" }
        }
        guard let binary = ELFProgram(head) else { return "is neither a script with '#!' nor a program" }
        if let host = ELFProgram.ofHost, !binary.runs(on: host) {
            return "is a program for \(binary.machineName); the build host is \(host.machineName)"
        }
        guard let loader = binary.loader, let fault = fault(of: loader, depth: depth + 1) else { return nil }
        return "needs the loader \(loader), which \(fault)"
    }
}

/// What the beginning of an ELF file says of the machine that it is for (elf(5)).
struct ELFProgram {
    /// e_machine.
    let machine: UInt16
    let is64Bit: Bool
    /// The path in PT_INTERP.
    let loader: String?

    init?(_ bytes: ArraySlice<UInt8>) {
        let head = Array(bytes)
        guard head.count >= 64, head.starts(with: [0x7f, 0x45, 0x4c, 0x46]), [1, 2].contains(head[4]), [1, 2].contains(head[5]) else { return nil }
        let isLittle = head[5] == 1
        func number(_ offset: Int, _ size: Int) -> Int {
            guard offset >= 0, offset + size <= head.count else { return 0 }
            let bytes = head[offset..<offset + size]
            return (isLittle ? Array(bytes.reversed()) : Array(bytes)).reduce(0) { $0 << 8 & (.max >> 1) | Int($1) }
        }
        machine = UInt16(number(18, 2))
        let isWide = head[4] == 2
        is64Bit = isWide
        let (table, entrySize, count) = isWide ? (number(32, 8), number(54, 2), number(56, 2)) : (number(28, 4), number(42, 2), number(44, 2))
        /// PT_INTERP.
        let interpreter = 3
        let entry = (0..<min(count, 64)).map { table &+ $0 &* entrySize }.first { number($0, 4) == interpreter }
        loader = entry.flatMap { entry in
            let (offset, size) = isWide ? (number(entry + 8, 8), number(entry + 32, 8)) : (number(entry + 4, 4), number(entry + 16, 4))
            guard offset > 0, size > 1, offset <= head.count - size else { return nil }
            return String(decoding: head[offset..<offset + size - 1], as: UTF8.self)
        }
    }

    /// This program itself.
    static let ofHost: ELFProgram? = {
        var head = [UInt8](repeating: 0, count: 4096)
        guard let file = try? FileDescriptor.open("/proc/self/exe", .readOnly, options: .closeOnExec) else { return nil }
        let count = (try? file.closeAfter { try head.withUnsafeMutableBytes { try file.read(into: $0) } }) ?? 0
        return ELFProgram(head[..<count])
    }()

    /// Kernels of x86_64 and aarch64 run programs of the same makers' 32-bit machines too.
    func runs(on host: ELFProgram) -> Bool {
        machine == host.machine || [62: 3, 183: 40][host.machine] == machine
    }

    /// elf.h.
    var machineName: String {
        let names: [UInt16: String] = [
            3: "i686", 8: "mips", 20: "ppc", 21: is64Bit ? "ppc64" : "ppc", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64",
            258: "loongarch64",
        ]
        return names[machine] ?? "the machine \(machine) of elf.h"
    }
}
