import SystemPackage

extension ConfigurationTree {
    /// Why a warning about the tree is expected: by the machine in whose folder it is, or by all machines of the group whose folder it is in.
    ///
    /// - Returns: the reason in `toleratedWarnings`; `nil`: none expects it.
    public func reasonToTolerate(_ diagnostic: Diagnostic) -> String? {
        let file = diagnostic.location.file
        for group in groups where file.starts(with: group.path) {
            let owner = group.machines.first { file.starts(with: $0.path) }
            let reasons = (owner.map { [$0] } ?? group.machines).map { $0.description.toleratedWarnings.reason(for: diagnostic.description) }
            if let first = reasons.first, !reasons.contains(nil) { return first }
        }
        return nil
    }
}
