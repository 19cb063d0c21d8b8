import BuildStore
import Foundation
import SystemPackage

/// A repository of a few packages, written as createrepo writes it: metadata alone, no package files.
struct SmallRepository {
    struct Package {
        var name: String
        var epoch = 0
        var version = "1"
        var release = "1"
        var architecture = "noarch"
        var vendor = ""
        /// By rpm's tag, such as `requires`: `name`, `name >= 1-1`, or a boolean dependency.
        var dependencies: [String: [String]] = [:]
        var files: [String] = []

        init(_ nevra: String, _ dependencies: [String: [String]] = [:], files: [String] = []) {
            let spec = nevra.split(separator: "-")
            name = spec.dropLast(2).joined(separator: "-")
            version = String(spec[spec.count - 2])
            let parts = spec[spec.count - 1].split(separator: ".")
            release = parts.dropLast().joined(separator: ".")
            architecture = String(parts[parts.count - 1])
            if let colon = version.firstIndex(of: ":") {
                epoch = Int(version[..<colon]) ?? 0
                version = String(version[version.index(after: colon)...])
            }
            self.dependencies = dependencies
            self.files = files
        }
    }

    var packages: [Package]
    /// comps.xml, where there is one.
    var comps: String?
    /// modules.yaml, where there is one.
    var modules: String?

    /// Writes `repodata`.
    func write(to folder: ScratchFolder, at place: String) throws {
        var primary =
            "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"\(packages.count)\">"
        var filelists = "<filelists xmlns=\"http://linux.duke.edu/metadata/filelists\" packages=\"\(packages.count)\">"
        for (number, package) in packages.enumerated() {
            let digest = String(format: "%064x", number + 1)
            let version = "epoch=\"\(package.epoch)\" ver=\"\(package.version)\" rel=\"\(package.release)\""
            primary += "<package type=\"rpm\"><name>\(package.name)</name><arch>\(package.architecture)</arch><version \(version)/>"
            primary += "<checksum type=\"sha256\" pkgid=\"YES\">\(digest)</checksum><summary>s</summary><description>d</description>"
            primary += "<packager/><url/><time file=\"1\" build=\"1\"/><size package=\"1\" installed=\"1\" archive=\"1\"/>"
            primary += "<location href=\"\(number).rpm\"/><format><rpm:license>l</rpm:license><rpm:vendor>\(package.vendor)</rpm:vendor>"
            var dependencies = package.dependencies
            let itself = "\(package.name) = \(package.epoch == 0 ? "" : "\(package.epoch):")\(package.version)-\(package.release)"
            dependencies["provides", default: []].append(itself)
            for (kind, all) in dependencies.sorted(by: { $0.key < $1.key }) {
                primary += "<rpm:\(kind)>" + all.map(Self.entry).joined() + "</rpm:\(kind)>"
            }
            // What createrepo puts into primary.xml.
            for file in package.files where file.hasPrefix("/etc/") || file.contains("bin/") { primary += "<file>\(file)</file>" }
            primary += "</format></package>"
            filelists += "<package pkgid=\"\(digest)\" name=\"\(package.name)\" arch=\"\(package.architecture)\"><version \(version)/>"
            filelists += package.files.map { "<file>\($0)</file>" }.joined() + "</package>"
        }
        try folder.write(primary + "</metadata>", to: "\(place)/repodata/primary.xml")
        try folder.write(filelists + "</filelists>", to: "\(place)/repodata/filelists.xml")
        var files = [("primary", "primary.xml"), ("filelists", "filelists.xml")]
        for (type, name, text) in [("group", "comps.xml", comps), ("modules", "modules.yaml", modules)] {
            guard let text else { continue }
            try folder.write(text, to: "\(place)/repodata/\(name)")
            files.append((type, name))
        }
        var repomd = "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>1</revision>"
        for (type, name) in files {
            let file = folder.url.appendingPathComponent("\(place)/repodata/\(name)")
            repomd += "<data type=\"\(type)\"><checksum type=\"sha256\">\(try Checksum(.sha256, ofFile: FilePath(file.path)).hexadecimal)</checksum>"
            repomd += "<location href=\"repodata/\(name)\"/></data>"
        }
        try folder.write(repomd + "</repomd>", to: "\(place)/repodata/repomd.xml")
    }

    private static func entry(_ dependency: String) -> String {
        let words = dependency.split(separator: " ").map(String.init)
        let relations: [String: String] = ["<": "LT", "<=": "LE", "=": "EQ", ">=": "GE", ">": "GT"]
        guard !dependency.hasPrefix("("), words.count == 3, let relation = relations[words[1]] else {
            let name = dependency.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            return "<rpm:entry name=\"\(name)\"/>"
        }
        var version = words[2]
        var epoch = "0"
        if let colon = version.firstIndex(of: ":") {
            epoch = String(version[..<colon])
            version = String(version[version.index(after: colon)...])
        }
        let parts = version.split(separator: "-", maxSplits: 1)
        let release = parts.count > 1 ? " rel=\"\(parts[1])\"" : ""
        return "<rpm:entry name=\"\(words[0])\" flags=\"\(relation)\" epoch=\"\(epoch)\" ver=\"\(parts[0])\"\(release)/>"
    }
}
