/// Why packages are in a transaction, or why they are not: what `discographer why` says.
public struct PackageReason: Sendable {
    /// The spec that was asked about: a name, a version of it, a capability or a path.
    public var spec: String
    public var graph: RequirementGraph
    /// The packages of the transaction that it names: indices in `graph.packages`.
    public var present: [Int]
    /// Packages of the repositories that the spec names, when none of them is in the transaction.
    public var absent: [Absent]
    /// Names that may have been meant, when no repository has the spec.
    public var suggestions: [String]

    /// A package that is not in the transaction.
    public struct Absent: Hashable, Codable, Sendable {
        /// `name-[epoch:]version-release.arch`.
        public var nevra: String
        public var repository: String
        /// Clauses with the most important one first: `packages:3 forbids it`.
        public var reasons: [String]
    }
}
