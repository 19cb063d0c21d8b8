import ConfigurationTree
import SystemPackage

/// What may be a way out of a problem: in words for the person who edits the tree, and what that does to the request, so that it can be
/// tried before it is told.
struct Proposal: Hashable {
    enum Edit: Hashable {
        case add(PackageRequest)
        case remove(PackageRequest)
        case removeLocal(FilePath)
        case allowOlder
    }

    var text: String
    /// None: it is known to help.
    var edits: [Edit] = []
}

extension ResolutionRequest {
    func applying(_ edits: [Proposal.Edit]) -> ResolutionRequest {
        var request = self
        for edit in edits {
            switch edit {
            case .add(let line): request.requests.append(line)
            case .remove(let line): request.requests.removeAll { $0 == line }
            case .removeLocal(let path): request.localPackages.removeAll { $0 == path }
            case .allowOlder: request.configuration.best = false
            }
        }
        return request
    }
}
