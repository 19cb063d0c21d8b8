import ConfigurationTree
import SystemPackage
import Testing

@testable import PackageResolution

/// The expectations are the results of libdnf5's Vars::substitute (its own unit tests have several of them), but where a variable in braces is not
/// known: that is an error here.
struct SubstitutionTests {
    private let substitution: Substitution

    init() {
        var substitution = Substitution(
            braced: ["machine_name": "m1"], environment: ["TOKEN": "secret"],
            plain: ["var1": "value123", "var2": "456", "empty": "", "literal": "$var1"])
        substitution.set("releasever", to: "10.1")
        self.substitution = substitution
    }

    private func expand(_ text: String, keepSecrets: Bool = false) -> (String, [String]) {
        var copy = substitution
        var diagnostics: [Diagnostic] = []
        let result = copy.expand(text, at: SourceLocation(file: "f", line: 1), keepSecrets: keepSecrets, &diagnostics)
        return (result, diagnostics.map(\.message))
    }

    static let texts: [(String, String)] = [
        ("foo$var1-bar", "foovalue123-bar"), ("${var1}$var2-$nn", "value123456-$nn"), ("$$$${var1}", "$$$value123"),
        ("$releasever_major.$releasever_minor", "10.1"), ("${releasever_major}${releasever_minor:+.$releasever_minor}", "10.1"),
        ("${var1:+alternate}-${unset:-default}", "alternate-default"), ("${unset:-${var1:+${var2:+$var2}}}", "456"),
        ("${empty:-default}|${empty:+alternate}|${unset:+alternate}|$empty", "default|||"),
        // Words may be empty and have any characters; what is expanded is not looked at again.
        ("${unset:-}|${var1:+}|${unset:-a b$}", "||a b$"), ("$literal ${literal} ${unset:-$literal}", "$var1 $var1 $var1"),
        // A backslash makes the next character an ordinary one.
        ("\\$var1 \\${var1} \\\\$var2 a\\b", "$var1 ${var1} \\456 ab"), ("${unset:-a\\}b}", "a}b"), ("end\\", "end\\"),
        // Not closed.
        ("${var1", "${var1"), ("${unset:-x", "${unset:-x"), ("$var2${unset:+n${var1:-${x", "456${unset:+n${var1:-${x"), ("a$", "a$"), ("{}}", "{}}"),
        ("$var1é", "value123é"), ("${machine_name:-x} ${machine_name:+y}", "m1 y"),
        ("${env:TOKEN} ${env:-none} ${unset:-${env:TOKEN}}", "secret none secret"),
    ]

    @Test(arguments: texts)
    func variablesAreExpandedAsDNF5Does(text: String, expected: String) {
        let (result, problems) = expand(text)
        #expect(result == expected && problems.isEmpty, "\(problems)")
    }

    @Test func onlyWordsThatAreTakenAreReported() {
        #expect(expand("${var1:-${nowhere}${env:NOTHING}}") == ("value123", []))
        #expect(expand("${unset:-${nowhere}}").1 == ["unknown variable ${nowhere}"])
        #expect(expand("${var1:?x}").1 == ["unknown variable ${var1:?x}"])
        #expect(expand("${unset:-${env:TOKEN}}", keepSecrets: true) == ("${env:TOKEN}", []))
    }

    @Test func aReleaseHasItsFirstPartAndTheRest() {
        for (release, major, minor) in [
            ("9", "9", ""), ("10.1", "10", "1"), ("8.4.2105", "8", "4.2105"), ("rawhide", "rawhide", ""), (".1", "", "1"),
        ] {
            var one = Substitution()
            one.set("releasever", to: release)
            #expect(one.expand(untrusted: "$releasever_major|${releasever_minor}") == "\(major)|\(minor)", "\(release)")
        }
        var diagnostics: [Diagnostic] = []
        var none = Substitution()
        for text in ["$releasever", "${releasever}", "$releasever_major", "${releasever_minor}"] {
            _ = none.expand(text, at: SourceLocation(file: "f"), &diagnostics)
        }
        #expect(diagnostics.count == 4 && diagnostics.allSatisfy { $0.hint?.contains("yum/vars/releasever") == true }, "\(diagnostics)")
        #expect(none.expand(untrusted: "${releasever:-9}${releasever_minor:+.x}") == "9")
    }

    /// A mirror list comes from the network.
    @Test func textsOfOthersSeeNoSecretsAndNoFiles() {
        let text = "https://h/${env:TOKEN}/${file:/etc/passwd}/${machine_name}/${var1}/$unset/${unset:-${env:TOKEN}}"
        #expect(
            substitution.expand(untrusted: text) == "https://h/${env:TOKEN}/${file:/etc/passwd}/${machine_name}/value123/$unset/${env:TOKEN}")
    }

    @Test func mirrorListsAndMetalinksHaveVariables() throws {
        let variables = ["releasever": "9", "basearch": "x86_64"]
        let list = try MirrorList(text: "# $releasever\nhttps://a/$releasever/${basearch}\nfile:///b/${stream:-9}/\n", variables: variables)
        #expect(list.baseURLs == ["https://a/9/x86_64/", "file:///b/9/"])
        let metalink = """
            <metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="repomd.xml"><resources>
            <url protocol="https" preference="100">https://a/$releasever/repodata/repomd.xml</url></resources></file></files></metalink>
            """
        #expect(try MirrorList(text: metalink, variables: variables).baseURLs == ["https://a/9/"])
    }
}
