import ConfigurationTree
import Foundation
import SystemPackage
import Testing

@testable import PackageResolution

struct YumConfigurationTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func read(_ main: String, _ repositories: String, environment: [String: String] = [:]) throws
        -> (YumConfiguration, [Diagnostic])
    {
        let template = try folder.write(main, to: "yum.conf.template")
        let file = try folder.write(repositories, to: "repositories/all.repo")
        var yum = YumFolder(path: FilePath(folder.url.path), configurationTemplate: FilePath(template.path))
        yum.repositoryFiles = [FilePath(file.path)]
        yum.variables = ["stream": "9-stream"]
        var diagnostics: [Diagnostic] = []
        let configuration = YumConfiguration(
            yum, architecture: "x86_64", variables: ["machine_cachePath": "/cache/g/m"], environment: environment,
            diagnostics: &diagnostics)
        return (configuration, diagnostics)
    }

    @Test func variablesAreExpanded() throws {
        let (configuration, diagnostics) = try read(
            "[main]\nreleasever=9\ncachedir=${machine_cachePath}/yum\n",
            "[a]\nbaseurl=https://host/$stream/$releasever/$basearch\n  https://other/${basearch}\n")
        #expect(diagnostics.isEmpty)
        #expect(
            configuration.repositories.first?.baseURLs == ["https://host/9-stream/9/x86_64", "https://other/x86_64"])
        #expect(configuration.renderedText.contains("cachedir=/cache/g/m/yum"))
    }

    @Test func secretsComeFromTheEnvironmentAndAreNotRendered() throws {
        let (configuration, _) = try read(
            "[main]\nusername=me\npassword=${env:SECRET}\n", "[a]\nbaseurl=https://host/\n",
            environment: ["SECRET": "a:b c"])
        #expect(configuration.repositories.first?.transfer.credentials == "me:a:b c")
        #expect(!configuration.renderedText.contains("a:b c"))
    }

    @Test func aPasswordMayComeBeforeTheUserAndHaveColons() throws {
        let (configuration, _) = try read(
            "[main]\n", "[a]\nbaseurl=https://host/\nproxy_password=x:y\nproxy_username=me\n")
        #expect(configuration.repositories.first?.transfer.proxyCredentials == "me:x:y")
    }

    @Test func everyMistakeIsReportedWithItsLine() throws {
        let (_, diagnostics) = try read(
            "[main]\nbest=perhaps\nnonsense=1\n",
            "[a]\nbaseurl=https://$releasever/\npriority=high\n[b]\nname=nowhere\n[a]\nbaseurl=https://host/\n")
        #expect(
            Set(
                diagnostics.map {
                    "\($0.location.file.lastComponent?.string ?? ""):\($0.location.line ?? 0) \($0.severity)"
                })
                == [
                    "yum.conf.template:2 error", "yum.conf.template:3 warning", "all.repo:2 error", "all.repo:3 error",
                    "all.repo:4 error", "all.repo:6 error",
                ])
    }
}
