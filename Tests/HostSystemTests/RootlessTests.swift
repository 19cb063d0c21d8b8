import SystemPackage
import Testing

@testable import HostSystem

@Suite("Builds of ordinary users")
struct RootlessTests {
    @Test("the map has the user's own id first, then as many subordinate ids as are needed, from all lines of the user")
    func map() {
        let one = SubordinateIDs("root:1:5\nbuilder:100000:65536\n", user: "builder", number: 1000)
        #expect(
            one.map(own: 1000) == [IDRange(inside: 0, outside: 1000, count: 1), IDRange(inside: 1, outside: 100000, count: 65535)])
        let several = SubordinateIDs("builder:100000:1000\n# no line\n1000:500000:10\nbuilder:700000:999999\n", user: "builder", number: 1000)
        #expect(
            several.map(own: 1000) == [
                IDRange(inside: 0, outside: 1000, count: 1), IDRange(inside: 1, outside: 100000, count: 1000),
                IDRange(inside: 1001, outside: 500000, count: 10), IDRange(inside: 1011, outside: 700000, count: 64525),
            ])
        #expect(SubordinateIDs("other:100000:65536\nbuilder:x:65536\n", user: "builder", number: 1000).ranges.isEmpty)
    }

    @Test("the kernel's id map is parsed, and its reach is computed")
    func reach() {
        let map = IDRange.ranges(inMap: "         0       1000          1\n         1     100000      65536\n")
        #expect(map == [IDRange(inside: 0, outside: 1000, count: 1), IDRange(inside: 1, outside: 100000, count: 65536)])
        #expect(IDRange.reach(of: map) == 65537)
        #expect(IDRange.reach(of: [IDRange(inside: 0, outside: 1000, count: 1), IDRange(inside: 5, outside: 100000, count: 9)]) == 1)
        #expect(IDRange.reach(of: []) == 0)
    }

    @Test("a nested map has a line for each outer range, since the kernel refuses lines across ranges")
    func nested() {
        let outer = [IDRange(inside: 1, outside: 100_000, count: 65536), IDRange(inside: 0, outside: 1000, count: 1)]
        #expect(
            IDRange.same(below: 65536, in: outer) == [IDRange(inside: 0, outside: 0, count: 1), IDRange(inside: 1, outside: 1, count: 65535)])
        #expect(
            IDRange.same(below: 65536, in: [IDRange(inside: 0, outside: 0, count: 4_294_967_295)])
                == [IDRange(inside: 0, outside: 0, count: 65536)])
    }

    @Test("an error about missing subordinate ids has the command, with free ids")
    func words() {
        let text = "a:100000:65536\nb:165536:65536\n"
        let error = RootlessError.fewSubordinateIDs(
            file: "/etc/subuid", user: "c", count: 0, free: SubordinateIDs.firstFree(in: text))
        #expect(error.description.contains("/etc/subuid gives 'c' no subordinate ids; expected 65536"))
        #expect(error.description.contains("usermod --add-subuids 231072-296607 --add-subgids 231072-296607 c"))
        #expect(SubordinateIDs.firstFree(in: "") == 100000)
    }
}
