import ConfigurationTree
import SystemPackage
import Testing

@testable import PackageResolution

/// The expected values are librepo's and libdnf's (lr_pathconcat, urlEncode), and for fragments RFC 3986's.
@Suite("URLs of repositories")
struct RepositoryURLTests {
    @Test(
        "a file's path comes behind the path of the base URL",
        arguments: [
            ("http://h/r", "http://h/r/p/a.rpm"), ("http://h/r/", "http://h/r/p/a.rpm"), ("http://h/r//", "http://h/r/p/a.rpm"),
            ("http://h", "http://h/p/a.rpm"), ("http://h/", "http://h/p/a.rpm"), ("file:///", "file:///p/a.rpm"),
            ("https://h/r?sv=1&sig=a%2Fb%3D", "https://h/r/p/a.rpm?sv=1&sig=a%2Fb%3D"), ("https://h/r/?a/b", "https://h/r/p/a.rpm?a/b"),
            ("https://h?t", "https://h/p/a.rpm?t"), ("https://h/r#part", "https://h/r/p/a.rpm"), ("https://h/r/?q#part", "https://h/r/p/a.rpm?q"),
            ("http://u:p%40w@h:81/r", "http://u:p%40w@h:81/r/p/a.rpm"), ("http://[::1]:8080/r", "http://[::1]:8080/r/p/a.rpm"),
            ("file:///srv/with%20space", "file:///srv/with%20space/p/a.rpm"),
        ])
    func join(base: String, url: String) {
        #expect(RepositoryURL.file("p/a.rpm", in: base) == url)
        #expect(RepositoryURL.file("/p/a.rpm", in: base) == url)
        #expect(RepositoryURL.file("p/a.rpm", in: RepositoryURL.folder(base)) == url)
    }

    @Test("names of packages are escaped byte by byte, those of metadata keep the escapes that they have")
    func escapes() {
        #expect(RepositoryURL.escaped(path: "P/libx++-1~a^b-1.rpm") == "P/libx%2b%2b-1~a%5eb-1.rpm")
        #expect(RepositoryURL.escaped(path: "a%20b #?&,é") == "a%2520b%20%23%3f%26%2c%c3%a9")
        #expect(RepositoryURL.escaped(metadataLocation: "repodata/a%2Bb+c d#.xml") == "repodata/a%2Bb%2bc%20d%23.xml")
        #expect(RepositoryURL.escaped(url: "http://h/a+b c?d=1") == "http://h/a+b%20c?d=1")
    }

    @Test("mirror lists and metalinks keep the query of a mirror")
    func mirrors() throws {
        let list = try MirrorList(text: "http://a/r?t=1/2\nhttp://[::1]/r\n/srv/a\n")
        #expect(list.baseURLs == ["http://a/r/?t=1/2", "http://[::1]/r/", "file:///srv/a/"])
        let metalink = try MirrorList(
            metalink: """
                <metalink version="3.0"><files><file name="repomd.xml"><resources>
                <url preference="99">http://a/r/repodata/repomd.xml?t=1</url><url preference="98">http://b/r/repodata/repomd.xml</url>
                </resources></file></files></metalink>
                """)
        #expect(metalink.baseURLs == ["http://a/r/?t=1", "http://b/r/"])
    }

    @Test("the file of a package elsewhere is named by the path of its URL")
    func fileName() {
        func name(_ location: String) -> String {
            TransactionPackage(
                name: "a", epoch: 0, version: "1", release: "1", architecture: "noarch", repository: "r", location: location,
                downloadSize: ByteCount(0),
                installedSize: ByteCount(0), checksum: nil, reason: .user
            ).fileName
        }
        #expect(name("P/a%2b?.rpm") == "a%2b?.rpm")
        #expect(name("http://h/P/a%2b.rpm?sig=x/y") == "a+.rpm")
    }

    @Test("paths that stand for variables are escaped in URLs, and nowhere else")
    func variables() {
        var substitution = Substitution(braced: ["machine_configPath": "/a b,c%d#e?f:g'h", "machineName": "m n"], environment: [:])
        var diagnostics: [Diagnostic] = []
        func value(_ name: String, _ text: String) -> String {
            let option = INIFile.Option(name: name, value: text, writtenValue: text, location: SourceLocation(file: "/r.repo", line: 1))
            return substitution.value(of: option, &diagnostics)
        }
        for name in ["baseurl", "mirrorlist", "metalink", "gpgkey"] {
            #expect(value(name, "file://${machine_configPath}/r ${machineName}") == "file:///a%20b%2cc%25d%23e%3ff%3ag%27h/r m n")
        }
        #expect(value("sslcacert", "${machine_configPath}/ca.pem") == "/a b,c%d#e?f:g'h/ca.pem")
        #expect(value("baseurl", "${machine_configPath}/r") == "/a%20b%2cc%25d%23e%3ff%3ag%27h/r")
        #expect(diagnostics.isEmpty)
    }
}
