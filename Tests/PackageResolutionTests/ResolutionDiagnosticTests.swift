import ConfigurationTree
import SystemPackage
import Testing

@testable import PackageResolution

struct ResolutionDiagnosticTests {
    @Test func placesAreShortenedAsFarAsTheyStayDistinct() {
        let places = ShortPlaces(["/t/g/packages", "/t/g/machines/web/packages", "/t/g/machines/web/yum/yum.conf.template"])
        #expect(places.text(SourceLocation(file: "/t/g/packages", line: 3)) == "g/packages:3")
        #expect(places.text(SourceLocation(file: "/t/g/machines/web/packages", line: 1)) == "web/packages:1")
        #expect(places.text(SourceLocation(file: "/t/g/machines/web/yum/yum.conf.template")) == "yum.conf.template")
        #expect(ShortPlaces(["/t/g/packages"]).text(SourceLocation(file: "/t/g/packages", line: 3)) == "packages:3")
    }

    @Test func theFirstLineHasTheFormThatEditorsLink() {
        let diagnostic = ResolutionDiagnostic(
            at: [SourceLocation(file: "/t/packages", line: 3)], "'a' cannot be installed", because: ["b", "c"],
            waysOut: ["do not ask for 'a'"])
        #expect(
            diagnostic.description == """
                /t/packages:3: error: 'a' cannot be installed
                  - b
                  - c
                  way out: do not ask for 'a'
                """)
    }

    @Test func controlCharactersInNamesAreEscaped() {
        let diagnostic = ResolutionDiagnostic(
            at: [SourceLocation(file: "/t/packages", line: 3)], "'a\u{1b}[2J' is\n/t/packages:1: error: b", because: ["c\u{9b}2J"],
            waysOut: ["\u{202e}d"])
        #expect(
            diagnostic.description == """
                /t/packages:3: error: 'a\\u{1B}[2J' is\\n/t/packages:1: error: b
                  - c\\u{009B}2J
                  way out: \\u{202E}d
                """)
    }

    @Test(arguments: [
        ("plain", "plain"), ("Ünïcödé 日本語 👩‍👧 'quotes' \\", "Ünïcödé 日本語 👩‍👧 'quotes' \\"), ("a\tb\nc", "a\\tb\\nc"), ("a\rb", "a\\rb"),
        ("\u{0}\u{7f}\u{85}\u{2028}", "\\0\\u{7F}\\u{0085}\\u{2028}"),
    ])
    func invisibleCharactersAreWrittenOut(_ text: String, _ printable: String) { #expect(text.printable() == printable) }

    @Test func lineBreaksCanBeKept() { #expect("a\tb\nc\u{1b}".printable(keepingLines: true) == "a\tb\nc\\u{1B}") }

    @Test func listsOfNames() {
        #expect(["a"].list == "a")
        #expect(["a", "b", "c"].list == "a, b and c")
        #expect(["a", "b", "c"].alternatives == "a, b or c")
        #expect(["a", "b", "c", "d", "e"].shortList == "a, b, c and 2 more")
    }
}
