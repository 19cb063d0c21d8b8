import ConfigurationTree
import SystemPackage

/// A possible way out: a text for the user, and the edits of the request that it stands for, so that it can be tried before it is
/// suggested.
struct Proposal: Hashable {
    enum Edit: Hashable {
        case add(PackageRequest)
        case remove(PackageRequest)
        case removeLocal(FilePath)
        case allowOlder
    }

    var text: String
    /// Empty when the proposal is known to help.
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
