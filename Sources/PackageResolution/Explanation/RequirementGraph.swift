public import ConfigurationTree

/// Which packages of one machine's transaction need which others.
public struct RequirementGraph: Hashable, Sendable {
    /// One package that needs another one, and what for.
    public struct Requirement: Hashable, Codable, Sendable {
        public enum Strength: String, Codable, Sendable {
            case requires
            /// Weak: the package is wanted, and left out when it cannot be installed.
            case recommends
            /// Weak, and declared by the wanted package itself: it goes with the other one.
            case supplements
        }

        /// Indices in `packages`.
        public var from: Int
        public var to: Int
        public var strength: Strength
        /// With the most readable one first.
        public var capabilities: [String]
        /// Other packages of the transaction that provide the first capability too.
        public var alternatives: [Int]

        public init(from: Int, to: Int, strength: Strength, capabilities: [String], alternatives: [Int] = []) {
            self.from = from
            self.to = to
            self.strength = strength
            self.capabilities = capabilities
            self.alternatives = alternatives
        }

        public var isWeak: Bool { strength != .requires }
    }

    /// A line of the tree that asks for a package.
    public struct Asker: Hashable, Codable, Sendable {
        /// The text in the file: `bash`, `@core`; the file's name for a local package.
        public var text: String
        /// `nil`: it is part of every root.
        public var location: SourceLocation?

        public init(text: String, location: SourceLocation?) {
            self.text = text
            self.location = location
        }
    }

    /// A chain of requirements from a requested package down to another one.
    public struct Chain: Hashable, Sendable {
        /// The askers of the first package.
        public var askers: [Asker]
        /// Indices in `packages`, from the requested package to the explained one.
        public var packages: [Int]
        /// Between each package and the next one.
        public var requirements: [Requirement]

        public var isWeak: Bool { requirements.contains(where: \.isWeak) }
    }

    public let packages: [TransactionPackage]
    /// The askers of each package, by index in `packages`.
    public let askers: [Int: [Asker]]
    private let links: RequirementLinks
    /// The distance of each package from the nearest requested one; `nil` when no chain leads there.
    private let distances: [Int?]

    public init(packages: [TransactionPackage], askers: [Int: [Asker]], requirements: [Requirement]) {
        self.init(packages: packages, askers: askers, links: RequirementLinks(requirements, among: packages))
    }

    init(packages: [TransactionPackage], askers: [Int: [Asker]], links: RequirementLinks) {
        self.packages = packages
        self.askers = askers
        self.links = links
        distances = Self.distances(from: askers.keys, links)
    }

    /// The shortest chains of requirements from requested packages down to a package; chains without a weak link come first.
    ///
    /// A chain begins at its last requested package, because a requested package needs no further reason. For a requested package the first
    /// chain is that package alone.
    public func shortestChains(to package: Int, limit: Int) -> [Chain] {
        guard let distance = distances[package] else { return [] }
        // Best first, from the package upwards. The distances are exact, so chains come out in order of length.
        var waiting: [(length: Int, requirements: [Int], head: Int)] = [(distance, [], package)]
        var chains: [Chain] = []
        var steps = 0
        while chains.count < limit, !waiting.isEmpty, steps < Self.mostSteps {
            steps += 1
            guard let best = waiting.indices.min(by: { isBetter(waiting[$0], waiting[$1]) }) else { break }
            let path = waiting.remove(at: best)
            if let askers = askers[path.head] {
                chains.append(chain(askers, path.requirements, to: package))
                if !path.requirements.isEmpty { continue }
            }
            let visited = Set(path.requirements.map { links[$0].to }).union([path.head])
            let soFar = path.requirements.reduce(0) { $0 + Self.length(links[$1]) }
            for one in links.incoming(path.head) where !visited.contains(links[one].from) {
                guard let distance = distances[links[one].from] else { continue }
                waiting.append((soFar + Self.length(links[one]) + distance, [one] + path.requirements, links[one].from))
            }
        }
        return chains
    }

    /// The package that needs another one most directly, how, and how many others need it in the same way; `nil` for a requested package.
    public func nearestRequirer(of package: Int) -> (package: Int, strength: Requirement.Strength, others: Int)? {
        guard let nearest = nearestLink(of: package) else { return nil }
        let strength = links[nearest].strength
        return (links[nearest].from, strength, links.incoming(package).count { links[$0].strength == strength } - 1)
    }

    /// What needs a package directly.
    public func requirers(of package: Int) -> [Requirement] {
        links.incoming(package).map { links.requirement($0, in: packages) }
    }

    private func nearestLink(of package: Int) -> Int? {
        guard askers[package] == nil else { return nil }
        func length(_ link: Int) -> Int { (distances[links[link].from] ?? .max / 2) + Self.length(links[link]) }
        return links.incoming(package).min { left, right in
            let (one, other) = (length(left), length(right))
            return one == other ? packages[links[left].from].nevra < packages[links[right].from].nevra : one < other
        }
    }

    /// A bound for transactions in which everything requires everything.
    private static let mostSteps = 20_000

    /// A weak link is worse than any number of real ones.
    private static func length(_ link: RequirementLinks.Link) -> Int { link.strength == .requires ? 1 : 1_000_000 }

    private func isBetter(
        _ left: (length: Int, requirements: [Int], head: Int), _ right: (length: Int, requirements: [Int], head: Int)
    ) -> Bool {
        if left.length != right.length { return left.length < right.length }
        return names(left) < names(right)
    }

    private func names(_ path: (length: Int, requirements: [Int], head: Int)) -> String {
        ([path.head] + path.requirements.map { links[$0].to }).map { packages[$0].nevra }.joined(separator: " ")
    }

    private func chain(_ askers: [Asker], _ path: [Int], to package: Int) -> Chain {
        Chain(
            askers: askers, packages: path.map { links[$0].from } + [package],
            requirements: path.map { links.requirement($0, in: packages) })
    }

    private static func distances(from asked: some Sequence<Int>, _ links: RequirementLinks) -> [Int?] {
        let outgoing = links.outgoing()
        var waiting = Array(asked)
        var distances = [Int?](repeating: nil, count: links.packageCount)
        for package in waiting { distances[package] = 0 }
        while !waiting.isEmpty {
            var next: [Int] = []
            for package in waiting {
                guard let reached = distances[package] else { continue }
                for link in outgoing(package) {
                    let distance = reached + length(links[link])
                    if distance < distances[links[link].to] ?? .max {
                        distances[links[link].to] = distance
                        next.append(links[link].to)
                    }
                }
            }
            waiting = next
        }
        return distances
    }
}
