public import ConfigurationTree

/// The features of ext4 file systems that a generation of e2fsprogs makes by default, and that its e2fsck(8) and the kernels beside it know. A guest whose
/// tools are older than a feature refuses its own root at the first start (e2fsck: "Get a newer version of e2fsck!").
public enum ExtProfile: String, Hashable, Codable, Sendable, CaseIterable {
    /// Enterprise Linux 6, SLE 11: mke2fs.conf of e2fsprogs 1.41.12.
    case e2fsprogs1_41 = "1.41"
    /// Enterprise Linux 7, SLE 12: mke2fs.conf of e2fsprogs 1.42.9 as these distributions have it.
    case e2fsprogs1_42 = "1.42"
    /// Enterprise Linux 8 and later: mke2fs.conf.in of e2fsprogs 1.43 to 1.46. Of 1.47 too, without `metadata_csum_seed` and `orphan_file`, which GRUB 2.06 does not
    /// read.
    case e2fsprogs1_43 = "1.43"

    public var features: Set<ExtFeature> {
        let common: Set<ExtFeature> = [
            .hasJournal, .extAttr, .resizeInode, .dirIndex, .filetype, .extent, .flexBg, .sparseSuper, .largeFile, .hugeFile, .dirNlink, .extraIsize,
        ]
        switch self {
        case .e2fsprogs1_41: return common.union([.uninitBg])
        case .e2fsprogs1_42: return common.union([.uninitBg, .bits64])
        case .e2fsprogs1_43: return common.union([.metadataCsum, .bits64])
        }
    }

    /// The features after changes. `metadata_csum` takes the place of `uninit_bg`, as in mke2fs(8).
    public func features(with changes: [ExtFeatureChange]) -> Set<ExtFeature> {
        changes.reduce(into: features) { features, change in
            guard change.adds else { return _ = features.remove(change.feature) }
            if change.feature == .metadataCsum { features.remove(.uninitBg) }
            if change.feature == .uninitBg { features.remove(.metadataCsum) }
            features.insert(change.feature)
        }
    }
}

extension DiskPlan {
    /// Gives each ext4 file system its features: the profile's with the changes of machine.yaml.
    public mutating func setFeatures(_ profile: ExtProfile) {
        for disk in disks.indices {
            for partition in disks[disk].partitions.indices where disks[disk].partitions[partition].fileSystem == .ext4 {
                let features = profile.features(with: disks[disk].partitions[partition].featureChanges)
                disks[disk].partitions[partition].features = features.map(\.rawValue).sorted()
            }
        }
    }
}
