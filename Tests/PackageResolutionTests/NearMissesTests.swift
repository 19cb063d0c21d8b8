import Testing

@testable import PackageResolution

struct NearMissesTests {
    private let names = ["bash", "bash-completion", "dash", "nginx", "nginx-core", "postgresql", "libpq5", "vim-tiny", "httpd", "jre-headless"]

    @Test(arguments: [
        ("bahs", ["bash"]), ("ngnix", ["nginx"]), ("postgressql", ["postgresql"]), ("Bash", ["bash", "dash"]),
        ("vim", ["vim-tiny"]), ("bash-completions", ["bash-completion"]), ("httpd24", ["httpd"]), ("systemd", []), ("less", []),
    ])
    func similarNamesAreFound(_ wanted: String, _ expected: [String]) {
        let found = NearMisses.of(wanted, among: names)
        #expect(found.starts(with: expected) && found.isEmpty == expected.isEmpty, "\(wanted): \(found)")
    }

    @Test(
        arguments: [
            ("kitten", "sitting", 3), ("ab", "ba", 1), ("abc", "abc", 0), ("", "ab", 2), ("grep", "grpe", 1), ("a", "xyz", nil),
        ] as [(String, String, Int?)])
    func distance(_ left: String, _ right: String, _ expected: Int?) {
        #expect(NearMisses.distance(Array(left.utf8), Array(right.utf8), atMost: expected == nil ? 1 : 3) == expected)
    }
}
