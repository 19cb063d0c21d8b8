import ConfigurationTree
import SystemPackage
import Testing

@testable import PackageResolution

struct ResolutionProblemTests {
    @Test func placesAreAsShortAsCanBeToldApart() {
        let places = ShortPlaces(["/t/g/packages", "/t/g/machines/web/packages", "/t/g/machines/web/yum/yum.conf.template"])
        #expect(places.text(SourceLocation(file: "/t/g/packages", line: 3)) == "g/packages:3")
        #expect(places.text(SourceLocation(file: "/t/g/machines/web/packages", line: 1)) == "web/packages:1")
        #expect(places.text(SourceLocation(file: "/t/g/machines/web/yum/yum.conf.template")) == "yum.conf.template")
        #expect(ShortPlaces(["/t/g/packages"]).text(SourceLocation(file: "/t/g/packages", line: 3)) == "packages:3")
    }

    @Test func theFirstLineIsOneThatEditorsLink() {
        let problem = ResolutionProblem(
            at: [SourceLocation(file: "/t/packages", line: 3)], "'a' cannot be installed", because: ["b", "c"],
            waysOut: ["do not ask for 'a'"])
        #expect(
            problem.description == """
                /t/packages:3: error: 'a' cannot be installed
                  - b
                  - c
                  way out: do not ask for 'a'
                """)
    }

    @Test func listsOfNames() {
        #expect(["a"].list == "a")
        #expect(["a", "b", "c"].list == "a, b and c")
        #expect(["a", "b", "c"].alternatives == "a, b or c")
        #expect(["a", "b", "c", "d", "e"].shortList == "a, b, c and 2 more")
    }
}
