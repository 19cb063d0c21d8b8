import Foundation
import HostSystem
import SystemPackage

/// Where functions/ and paths/ are: `<prefix>/share/discographer` of an installed program, or the checkout that it was built in.
enum InstalledFiles {
    static var folder: FilePath {
        let program =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")).map { FilePath($0) } ?? "/"
        let prefix = program.removingLastComponent().removingLastComponent()
        let shared = prefix.appending("share").appending("discographer")
        if exists(shared.appending("paths")) { return shared }
        var folder = program.removingLastComponent()
        while folder.lastComponent != nil {
            if exists(folder.appending("paths")) && exists(folder.appending("functions")) { return folder }
            folder = folder.removingLastComponent()
        }
        return shared
    }
}
