import Foundation

extension TransactionPackage {
    /// The location as it is sent. libdnf leaves whole URLs as they are.
    var escapedLocation: String {
        location.contains("://") ? RepositoryURL.escaped(url: location) : RepositoryURL.escaped(path: location)
    }

    /// The last part of the location, without the escapes and the query of a URL.
    var fileName: String {
        let isURL = location.contains("://")
        let path = isURL ? location.prefix { $0 != "?" && $0 != "#" } : location[...]
        let name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[$0...].dropFirst() } ?? path
        return isURL ? name.removingPercentEncoding ?? String(name) : String(name)
    }
}
