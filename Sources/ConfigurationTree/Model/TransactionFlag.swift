/// What `tsflags` of yum.conf(5) and dnf.conf(5) can say of a root that is built; their `justdb` and `test` would build none.
public enum TransactionFlag: String, Hashable, Codable, Sendable, CaseIterable {
    /// No files that packages mark as documentation.
    case nodocs
    case noscripts
    case notriggers
    /// No file capabilities.
    case nocaps
    /// No SELinux contexts.
    case nocontexts
}
