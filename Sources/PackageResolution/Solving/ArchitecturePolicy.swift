internal import CSolv

/// Which packages a machine can run, by libsolv's table of architectures, which the solver goes by.
public struct ArchitecturePolicy {
    private let pool: SolvPool

    /// - Throws: `Errno` without memory.
    public init(of architecture: String) throws { pool = try SolvPool(architecture: architecture) }

    /// Whether packages of the architecture can be installed.
    public func takes(_ architecture: String) -> Bool {
        guard let id = pool.knownID(of: architecture), id <= pool.handle.pointee.lastarch, let scores = pool.handle.pointee.id2arch else {
            return false
        }
        return scores[Int(id)] != 0
    }
}
