/// The links of a `RequirementGraph` in little memory: a transaction of 3,000 packages has tens of thousands of links, and a table of packages
/// reads few of them.
struct RequirementLinks: Hashable, Sendable {
    /// One package that needs another one.
    struct Link: Hashable, Sendable {
        /// Indices of packages.
        var from: Int
        var to: Int
        var strength: RequirementGraph.Requirement.Strength
    }

    /// Something that packages need, and the packages of the transaction that provide it.
    struct Capability: Hashable, Sendable {
        var text: String
        /// Indices of packages.
        var providers: [Int32]
    }

    private struct Edge: Hashable, Sendable {
        var to: Int32
        var from: Int32
        /// The index of a capability, with the strength in the lowest two bits.
        var what: Int32

        /// In the order of `Strength.order`.
        var strength: Int32 { what & 3 }
    }

    let packageCount: Int
    private let capabilities: [Capability]
    /// Sorted: by `to`, `from`, strength.
    private let edges: [Edge]
    /// Where the edges of each link begin, and their end.
    private let starts: [Int32]
    /// Where the links to each package begin, and their end.
    private let targets: [Int32]

    /// Collects links.
    struct Builder {
        private var capabilities: [Capability] = []
        private var edges: [Edge] = []

        /// - Returns: the capability's number.
        mutating func add(_ text: String, providers: [Int32]) -> Int {
            capabilities.append(Capability(text: text, providers: providers))
            return capabilities.count - 1
        }

        mutating func add(_ strength: RequirementGraph.Requirement.Strength, from: Int, to: Int, capability: Int) {
            edges.append(Edge(to: Int32(to), from: Int32(from), what: Int32(capability) << 2 | strength.order))
        }

        /// Adds nothing when the package provides the capability itself.
        mutating func add(_ strength: RequirementGraph.Requirement.Strength, from: Int, capability: Int) {
            let providers = capabilities[capability].providers
            guard !providers.contains(Int32(from)) else { return }
            for to in providers { add(strength, from: from, to: Int(to), capability: capability) }
        }

        consuming func links(packageCount: Int) -> RequirementLinks {
            edges.sort { ($0.to, $0.from, $0.strength, $0.what) < ($1.to, $1.from, $1.strength, $1.what) }
            return RequirementLinks(packageCount: packageCount, capabilities: capabilities, sorted: edges)
        }
    }

    private init(packageCount: Int, capabilities: [Capability], sorted edges: [Edge]) {
        self.packageCount = packageCount
        self.capabilities = capabilities
        self.edges = edges
        var starts: [Int32] = []
        var targets: [Int32] = []
        for index in edges.indices {
            let (edge, before) = (edges[index], index == 0 ? nil : edges[index - 1])
            if let before, (before.to, before.from, before.strength) == (edge.to, edge.from, edge.strength) { continue }
            while targets.count <= edge.to { targets.append(Int32(starts.count)) }
            starts.append(Int32(index))
        }
        while targets.count <= packageCount { targets.append(Int32(starts.count)) }
        self.starts = starts + [Int32(edges.count)]
        self.targets = targets
    }

    init(_ requirements: [RequirementGraph.Requirement], among packages: [TransactionPackage]) {
        var builder = Builder()
        for one in requirements {
            for text in one.capabilities {
                let capability = builder.add(text, providers: ([one.to] + one.alternatives).map(Int32.init))
                builder.add(one.strength, from: one.from, to: one.to, capability: capability)
            }
        }
        self = builder.links(packageCount: packages.count)
    }

    subscript(link: Int) -> Link {
        let edge = edges[Int(starts[link])]
        return Link(from: Int(edge.from), to: Int(edge.to), strength: .ordered[Int(edge.strength)])
    }

    /// The links to a package, sorted by the package that needs it.
    func incoming(_ package: Int) -> Range<Int> { Int(targets[package])..<Int(targets[package + 1]) }

    /// A function that gives the links from a package.
    func outgoing() -> (Int) -> ArraySlice<Int> {
        let count = starts.count - 1
        var begins = [Int](repeating: 0, count: packageCount + 1)
        for link in 0..<count { begins[self[link].from + 1] += 1 }
        for package in 0..<packageCount { begins[package + 1] += begins[package] }
        var links = [Int](repeating: 0, count: count)
        var places = begins
        for link in 0..<count {
            links[places[self[link].from]] = link
            places[self[link].from] += 1
        }
        return { [links, begins] package in links[begins[package]..<begins[package + 1]] }
    }

    /// The link in full. Capabilities that no other package provides come first, and the package's name comes before sonames and paths.
    func requirement(_ link: Int, in packages: [TransactionPackage]) -> RequirementGraph.Requirement {
        let (link, range) = (self[link], Int(starts[link])..<Int(starts[link + 1]))
        let name = packages[link.to].name
        var seen: Set<String> = []
        let needed = edges[range].map { capabilities[Int($0.what >> 2)] }.filter { seen.insert($0.text).inserted }
        let sorted = needed.map { capability in
            let isName = capability.text == name || capability.text.hasPrefix(name + " ")
            return (order: (capability.providers.count > 1 ? 1 : 0, isName ? 0 : 1, capability.text.count, capability.text), capability)
        }.sorted { $0.order < $1.order }.map(\.1)
        return RequirementGraph.Requirement(
            from: link.from, to: link.to, strength: link.strength, capabilities: sorted.map(\.text),
            alternatives: sorted.first?.providers.map(Int.init).filter { $0 != link.to } ?? [])
    }
}

extension RequirementGraph.Requirement.Strength {
    /// In the order in which links are listed.
    fileprivate static let ordered: [Self] = [.recommends, .requires, .supplements]

    fileprivate var order: Int32 {
        switch self {
        case .recommends: 0
        case .requires: 1
        case .supplements: 2
        }
    }
}
