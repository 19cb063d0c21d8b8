import BuildStore
internal import CSolv
import ConfigurationTree
import SystemPackage

extension PackagePool {
    /// A solvable as a value.
    func package(_ id: Id, reason: TransactionPackage.Reason) -> TransactionPackage {
        let solvable = solvable(id)
        let evr = EpochVersionRelease(evr(of: id))
        var checksum: Checksum?
        if localFiles[id] == nil {
            var kind: Id = 0
            let digest = solvable_lookup_checksum(solvable, Id(SOLVABLE_CHECKSUM.rawValue), &kind).map { String(cString: $0) }
            if let digest, let algorithm = Checksum.Algorithm(solvType: kind) { checksum = Checksum(algorithm, digest) }
        }
        return TransactionPackage(
            name: name(of: id), epoch: evr.epoch, version: evr.version, release: evr.release, architecture: architecture(of: id),
            repository: repositoryName(of: id) ?? "", location: location(of: id),
            downloadSize: ByteCount(solvable_lookup_num(solvable, Id(SOLVABLE_DOWNLOADSIZE.rawValue), 0)),
            installedSize: ByteCount(solvable_lookup_num(solvable, Id(SOLVABLE_INSTALLSIZE.rawValue), 0)),
            checksum: checksum, reason: reason)
    }

    private func location(of id: Id) -> String {
        if let path = localFiles[id] { return path.string }
        var medium: UInt32 = 0
        let location = solvable_lookup_location(solvable(id), &medium).map { String(cString: $0) } ?? ""
        // xml:base: packages that are elsewhere than their metadata.
        guard let base = solvable_lookup_str(solvable(id), Id(SOLVABLE_MEDIABASE.rawValue)).map({ String(cString: $0) }) else {
            return location
        }
        return location.contains("://") ? location : RepositoryURL.file(RepositoryURL.escaped(path: location), in: base)
    }
}
