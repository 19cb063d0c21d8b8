import ConfigurationTree
import SystemPackage

/// Files by the shortest ends of their paths that tell them apart: `packages:12` where there is one such file, else
/// `web/packages:12`.
struct ShortPlaces {
    private var names: [FilePath: String] = [:]

    init(_ files: some Sequence<FilePath>) {
        let files = Set(files)
        for file in files {
            let components = file.components.map(\.string)
            let others = files.filter { $0 != file }.map { $0.components.map(\.string) }
            let length =
                (1...max(1, components.count)).first { length in
                    !others.contains { $0.suffix(length).elementsEqual(components.suffix(length)) }
                } ?? components.count
            names[file] = components.suffix(length).joined(separator: "/")
        }
    }

    func text(_ location: SourceLocation) -> String {
        let name = names[location.file] ?? location.file.string
        return location.line.map { "\(name):\($0)" } ?? name
    }
}
