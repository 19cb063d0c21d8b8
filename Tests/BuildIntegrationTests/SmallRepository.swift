// Repositories of a few empty packages, made by rpmbuild and createrepo_c, and trees that use them.
import Foundation
import Testing

/// An empty RPM: a name, a version and relations are all that resolution looks at.
struct SmallPackage {
    var name: String
    var version = "1"
    var release = "1"
    var relations: [String] = []

    /// - Parameter relations: lines of a spec file, such as `Requires: b >= 2`.
    init(_ name: String, _ version: String = "1", release: String = "1", _ relations: String...) {
        self.name = name
        self.version = version
        self.release = release
        self.relations = relations
    }
}

enum SmallRepository {
    /// Makes the packages and the index in a folder that may have packages already.
    static func make(at folder: String, _ packages: [SmallPackage]) async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // One spec builds many packages, but a name only once.
        var rounds: [[SmallPackage]] = []
        for package in packages {
            if let round = rounds.firstIndex(where: { !$0.contains { $0.name == package.name } }) {
                rounds[round].append(package)
            } else {
                rounds.append([package])
            }
        }
        for round in rounds {
            let sections = round.map { package in
                """
                %package -n \(package.name)
                Version: \(package.version)
                Release: \(package.release)
                Summary: test
                \(package.relations.joined(separator: "\n"))
                %description -n \(package.name)
                %files -n \(package.name)
                """
            }
            let spec =
                "Name: tests\nVersion: 1\nRelease: 1\nSummary: test\nLicense: none\nBuildArch: noarch\n%description\n"
                + sections.joined(separator: "\n") + "\n"
            let file = folder + "/tests.spec"
            try spec.write(toFile: file, atomically: true, encoding: .utf8)
            _ = try await shell(
                """
                cd '\(folder)'
                rpmbuild -bb --quiet --define '_topdir \(folder)/top' --define '_rpmdir \(folder)' \\
                    --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' tests.spec 2>&1
                rm -rf top tests.spec
                """)
        }
        try await index(folder)
    }

    static func index(_ folder: String) async throws { _ = try await shell("createrepo_c --quiet '\(folder)'") }

    /// A tree with the group `g`: a machine for each entry of `machines`, all with the same yum folder.
    static func tree(
        in folder: String, machines: [String: String], group: String = "", repositories: [String: String],
        configuration: String = ""
    ) throws -> String {
        let tree = folder + "/tree"
        func write(_ text: String, _ path: String) throws {
            let url = URL(fileURLWithPath: tree + "/" + path)
            try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        try write("[main]\n" + configuration, "templates/yum/yum.conf.template")
        for (id, options) in repositories {
            try write("[\(id)]\nname=\(id)\n\(options)\n", "templates/yum/repositories/\(id).repo")
        }
        if !group.isEmpty { try write(group, "g/packages") }
        try write("boot:\n  loader: none\noutputs: [raw]\n", "g/machine-group.yaml")
        for (name, packages) in machines {
            try write(packages, "g/machines/\(name)/packages")
            try write("", "g/machines/\(name)/devices")
            try write("#!/bin/sh\n", "g/machines/\(name)/init")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(tree)/g/machines/\(name)/init")
            try FileManager.default.createSymbolicLink(
                atPath: "\(tree)/g/machines/\(name)/yum", withDestinationPath: "../../../templates/yum")
        }
        return tree
    }
}
