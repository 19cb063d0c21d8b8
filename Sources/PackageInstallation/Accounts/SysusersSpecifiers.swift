// What `%` and a letter stand for in sysusers.d(5), for a system that is not running: values of the root, or constants. Nothing of the build host.
import Glibc
import HostSystem
import SystemPackage

struct SysusersSpecifiers {
    let root: FilePath
    /// What scriptlets see as the host's name.
    let hostName: String

    /// - Throws: `SysusersLine.Malformed` for a letter that stands for nothing, or for nothing in this root (specifier_printf, src/shared/specifier.c).
    func expand(_ text: String) throws -> String {
        guard text.contains("%") else { return text }
        var (result, isSpecifier) = ("", false)
        for character in text.unicodeScalars {
            if !isSpecifier {
                if character == "%" { isSpecifier = true } else { result.unicodeScalars.append(character) }
                continue
            }
            isSpecifier = false
            if character == "%" {
                result += "%"
            } else if character.isASCII, character.properties.isAlphabetic || character.properties.numericType != nil {
                result += try value(character)
            } else {
                result += "%"
                result.unicodeScalars.append(character)
            }
        }
        return isSpecifier ? result + "%" : result
    }

    private func value(_ specifier: Unicode.Scalar) throws -> String {
        switch specifier {
        case "a": try architecture()
        case "A": try release("IMAGE_VERSION")
        case "B": try release("BUILD_ID")
        case "H", "q": hostName
        case "l": String(hostName.prefix { $0 != "." })
        case "m": try machineID()
        case "M": try release("IMAGE_ID")
        case "o": try release("ID")
        case "T": "/tmp"
        case "V": "/var/tmp"
        case "w": try release("VERSION_ID")
        case "W": try release("VARIANT_ID")
        case "b", "v":
            throw SysusersLine.Malformed("%\(specifier) stands for a value of the running kernel; an image does not have one while it is built")
        default: throw SysusersLine.Malformed("unknown specifier %\(specifier)")
        }
    }

    /// systemd's names of architectures (architecture.c). The worker runs on the guest's architecture, or its scriptlets could not run.
    private func architecture() throws -> String {
        var system = utsname()
        uname(&system)
        let machine = withUnsafeBytes(of: system.machine) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
        let names = [
            "x86_64": "x86-64", "i386": "x86", "i686": "x86", "aarch64": "arm64", "ppc64le": "ppc64-le", "ppc64": "ppc64", "s390x": "s390x",
            "riscv64": "riscv64", "loongarch64": "loongarch64",
        ]
        guard let name = names[machine] else { throw SysusersLine.Malformed("systemd's name of the architecture \(machine) (%a) is not known") }
        return name
    }

    private func machineID() throws -> String {
        let id = (try? text(of: "/etc/machine-id"))?.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        guard id.utf8.count == 32, id.allSatisfy(\.isHexDigit) else {
            throw SysusersLine.Malformed("%m stands for the machine-id, which the root does not have yet")
        }
        return id
    }

    /// A field of os-release(5); empty where the file does not have it.
    private func release(_ key: String) throws -> String {
        guard let text = (try? text(of: "/etc/os-release")) ?? (try? text(of: "/usr/lib/os-release")) else {
            throw SysusersLine.Malformed("a specifier stands for \(key) of /etc/os-release, which the root does not have yet")
        }
        for line in text.split(separator: "\n") where line.hasPrefix("\(key)=") {
            return try SysusersLine.words(of: String(line.dropFirst(key.count + 1))).first ?? ""
        }
        return ""
    }

    private func text(of path: FilePath) throws -> String { String(decoding: try readFile(path, inRoot: root), as: UTF8.self) }
}
