import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

struct VersionLockTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func read(_ main: String = "[main]\n") throws -> (YumConfiguration, [Diagnostic]) {
        let template = try folder.write(main, to: "yum.conf.template")
        var diagnostics: [Diagnostic] = []
        let yum = YumFolder(path: FilePath(folder.url.path), configurationTemplate: FilePath(template.path))
        let configuration = YumConfiguration(
            yum, architecture: "x86_64", variables: [:], environment: [:], diagnostics: &diagnostics)
        return (configuration, diagnostics)
    }

    @Test func listsOfYumAndDnfAreRead() throws {
        try folder.write("# comment\n\nbash-0:5.1-2.el9.*\n!vim-2:8.2-1.el9.*\n1:perl-5.32-4.el9.x86_64\n", to: "plugins/versionlock.list")
        let (configuration, diagnostics) = try read()
        #expect(configuration.versionLocks == ["bash-0:5.1-2.el9.*", "!vim-2:8.2-1.el9.*", "perl-1:5.32-4.el9.x86_64"])
        #expect(diagnostics.isEmpty)
    }

    @Test func theHostsListIsNotRead() throws {
        try folder.write("[main]\nenabled = 1\nlocklist = /etc/dnf/plugins/mine.list\n", to: "plugins/versionlock.conf")
        #expect(try read().1.map(\.message).contains { $0.contains("plugins/mine.list") })
        try folder.write("bash-5.1\n", to: "plugins/mine.list")
        #expect(try read().0.versionLocks == ["bash-5.1"])
    }

    @Test func thePluginCanBeTurnedOff() throws {
        try folder.write("bash-5.1\n", to: "plugins/versionlock.list")
        #expect(try read("[main]\nplugins=0\n").0.versionLocks.isEmpty)
        try folder.write("[main]\nenabled=0\n", to: "plugins/versionlock.conf")
        #expect(try read().0.versionLocks.isEmpty)
        try folder.write("[main]\nenabled=maybe\n", to: "plugins/versionlock.conf")
        #expect(try read().1.map(\.description).contains { $0.contains("versionlock.conf:2: error: invalid truth value 'maybe' of enabled") })
    }

    @Test func anEntryThatNamesNoPackageIsAnError() throws {
        try folder.write("bash-5.1\n/usr/bin/bash\n", to: "plugins/versionlock.list")
        let (_, diagnostics) = try read()
        #expect(diagnostics.map { "\($0.location.line ?? 0) \($0.severity)" } == ["2 error"])
    }
}
