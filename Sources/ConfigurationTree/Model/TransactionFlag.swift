/// The `tsflags` of yum.conf(5) and dnf.conf(5) that make sense for a build; with `justdb` or `test` there would not be a root.
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
