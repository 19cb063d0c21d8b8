public import BuildStore

/// Stages and what they need: the steps of a build, each once. Of machines it knows only the names of those that need a stage.
public struct BuildGraph: Sendable {
    /// A stage in the graph.
    public struct Node: Sendable {
        /// Of the value and of the identities of all that it needs.
        public var identity: Identity
        public var stage: any Stage
        /// The stage in canonical form, and where its parts come from.
        public var encoding: CanonicalEncoding
        public var needs: [Identity]
        /// The machines that need it, in the order in which they were added; never empty.
        public var users: [String]

        public var name: String { type(of: stage).name }

        /// The stage's name, with its subject where it has one: `image system.qcow2`.
        public var label: String { stage.subject.isEmpty ? name : "\(name) \(stage.subject)" }

        /// The identity when the needed results are known by other names than their stages' own identities.
        func identity(needs: [String]) -> Identity {
            Identity(stage: name, version: type(of: stage).version, value: encoding.value, needs: needs)
        }
    }

    public private(set) var nodes: [Identity: Node] = [:]
    /// The nodes' identities in the order in which they were added: what is needed before what needs it.
    public private(set) var order: [Identity] = []
    private var byUser: [String: [Identity]] = [:]

    public init() {}

    public subscript(_ identity: Identity) -> Node? { nodes[identity] }

    /// Adds a stage, or another user of it if it is there already.
    ///
    /// - Parameters:
    ///   - needs: stages of this graph, in the order in which the stage knows them.
    ///   - user: the machine that needs it.
    /// - Returns: the stage's identity in the graph.
    /// - Throws: `EncodingError` when the value has no canonical form.
    public mutating func add(_ stage: some Stage, needs: [Identity], for user: String) throws -> Identity {
        let encoding = try CanonicalEncoding(stage)
        let identity = Identity(
            stage: type(of: stage).name, version: type(of: stage).version, value: encoding.value, needs: needs.map(\.hexadecimal))
        if nodes[identity] == nil {
            nodes[identity] = Node(identity: identity, stage: stage, encoding: encoding, needs: needs, users: [])
            order.append(identity)
        }
        if byUser[user, default: []].contains(identity) { return identity }
        nodes[identity]?.users.append(user)
        byUser[user, default: []].append(identity)
        return identity
    }

    /// The nodes that a user needs, each after the ones that it needs.
    public func nodes(of user: String) -> [Node] { byUser[user, default: []].compactMap { nodes[$0] } }
}
