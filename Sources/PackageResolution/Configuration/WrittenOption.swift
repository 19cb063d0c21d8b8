public import ConfigurationTree
import SystemPackage

/// An option of the yum configuration as it is written, before anything is substituted: the same in every checkout and for every user, and
/// without secrets.
public struct WrittenOption: Hashable, Codable, Sendable {
    /// `main`, a repository's id, or `variables`.
    public var section: String
    public var name: String
    public var value: String
    public var location: SourceLocation

    /// The section for the files of `yum/vars`.
    static let variables = "variables"

    /// Options that decide which packages are chosen. The others decide how files are transferred, checked and installed.
    private static let deciding: Set<String> = [
        "basearch", "baseurl", "best", "cost", "disable_excludes",
        "enablegroups", "exactarch", "exclude", "excludeenvs", "excludegroups", "exclude_from_weak", "excludepkgs", "group_package_types",
        "includepkgs", "install_weak_deps", "installonlypkgs", "metalink", "mirrorlist", "module_hotfixes",
        "module_platform_id", "multilib_policy", "obsoletes", "priority", "protected_packages", "releasever",
        "plugins", "skip_broken", "skip_if_unavailable", "skip_unavailable", "strict",
    ]

    /// - Parameter id: the section's name with its variables expanded.
    static func options(of section: INIFile.Section, id: String) -> [WrittenOption] {
        section.options.filter { deciding.contains($0.name) }.map { option in
            let items = option.writtenValue.listItems.map { SecretMask()($0) }.joined(separator: " ")
            // A comma before the first item empties a list.
            return WrittenOption(
                section: id, name: option.name, value: option.writtenValue.trimmed.hasPrefix(",") ? ", " + items : items,
                location: option.location)
        }
    }

    static func variables(of folder: YumFolder) -> [WrittenOption] {
        folder.variables.sorted { $0.key < $1.key }.map { name, value in
            WrittenOption(
                section: variables, name: name, value: value,
                location: SourceLocation(file: folder.path.appending("vars").appending(name), line: 1))
        }
    }
}
