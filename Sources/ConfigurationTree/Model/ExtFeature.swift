/// A feature of an ext4 file system that machine.yaml can add or take away, by the names of ext4(5) and mke2fs(8) -O.
public enum ExtFeature: String, Hashable, Codable, Sendable, CaseIterable {
    case bits64 = "64bit"
    case dirIndex = "dir_index"
    case dirNlink = "dir_nlink"
    case extAttr = "ext_attr"
    case extent
    case extraIsize = "extra_isize"
    case filetype
    case flexBg = "flex_bg"
    case hasJournal = "has_journal"
    case hugeFile = "huge_file"
    case largeFile = "large_file"
    case metadataCsum = "metadata_csum"
    case metadataCsumSeed = "metadata_csum_seed"
    case orphanFile = "orphan_file"
    case project
    case quota
    case resizeInode = "resize_inode"
    case sparseSuper = "sparse_super"
    case sparseSuper2 = "sparse_super2"
    case uninitBg = "uninit_bg"

    /// The first version of e2fsprogs whose e2fsck(8) knows it, by the release notes (doc/RelNotes of e2fsprogs); `nil` for what all versions that ext4 has had know.
    public var firstVersion: String? {
        switch self {
        case .bits64, .quota: "1.42"
        case .sparseSuper2, .metadataCsum, .metadataCsumSeed, .project: "1.43"
        case .orphanFile: "1.47"
        default: nil
        }
    }

    /// Whether GRUB 2.06 reads files of a file system that has it (EXT2_DRIVER_SUPPORTED_INCOMPAT of its grub-core/fs/ext2.c).
    public var isReadByGRUB: Bool { self != .metadataCsumSeed }
}

/// What machine.yaml changes of a file system's features: `name` adds one, `^name` takes it away.
public struct ExtFeatureChange: Hashable, Codable, Sendable {
    public var feature: ExtFeature
    public var adds: Bool

    public init(_ feature: ExtFeature, adds: Bool) {
        self.feature = feature
        self.adds = adds
    }

    /// `nil` for an unknown name.
    public init?(_ text: String) {
        adds = !text.hasPrefix("^")
        guard let feature = ExtFeature(rawValue: adds ? text : String(text.dropFirst())) else { return nil }
        self.feature = feature
    }
}
