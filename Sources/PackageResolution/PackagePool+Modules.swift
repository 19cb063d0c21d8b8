// Modular filtering, as libdnf's module excludes do it (libdnf/dnf-sack.cpp, setModuleExcludes): packages of streams that are
// not active are hidden, and so is what would compete with the packages of an active stream.
internal import CSolv
import SystemPackage
import Yams

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension PackagePool {
    /// The packages that modules hide, and the stream that each hidden name belongs to.
    struct ModuleFilter {
        var hidden: [Id] = []
        var streamsByName: [String: String] = [:]
    }

    /// Reads the repositories' modules. Needs the index of provides, without anything hidden.
    ///
    /// - Throws: `DownloadError`, `ResolutionError` for module metadata that cannot be read.
    func moduleFilter(platform: String?) throws -> ModuleFilter {
        var modules = ModuleMetadata()
        for metadata in repositories {
            guard let text = try text("modules", of: metadata) else { continue }
            do { modules.merge(try ModuleMetadata(yaml: text)) } catch {
                throw ResolutionError(problems: ["modules of \(metadata.repository.id) cannot be read: \(error)"])
            }
        }
        var filter = ModuleFilter()
        guard !modules.streams.isEmpty else { return filter }
        let active = try modules.activeStreams(architecture: architecture, platform: platform)
        let latest = Dictionary(grouping: active) { "\(modules.streams[$0].module):\(modules.streams[$0].stream)" }
        let demodularized = latest.mapValues { versions in
            versions.max { modules.streams[$0].version < modules.streams[$1].version }
                .map { modules.streams[$0].demodularized } ?? []
        }
        var visible: Set<String> = []
        var visibleNames: Set<Id> = []
        var modularNames: Set<Id> = []
        var modular: Set<String> = []
        for (index, stream) in modules.streams.enumerated() {
            let isActive = active.contains(index)
            let ordinary = demodularized["\(stream.module):\(stream.stream)"] ?? []
            for artifact in stream.artifacts where !artifact.hasSuffix(".src") && !artifact.hasSuffix(".nosrc") {
                let name = Self.name(ofArtifact: artifact)
                let id = pool_str2id(pool, name, 1)
                modularNames.insert(id)
                if isActive {
                    visible.insert(artifact)
                    if !ordinary.contains(name) { visibleNames.insert(id) }
                } else {
                    modular.insert(artifact)
                    filter.streamsByName[name] = "\(stream.module):\(stream.stream)"
                }
            }
        }
        let hotfixes = Set(repositories.filter(\.repository.moduleHotfixes).map(\.repository.id))
        func isExempt(_ id: Id) -> Bool {
            guard let repo = pool.pointee.solvables[Int(id)].repo else { return true }
            let repository = String(cString: repo.pointee.name)
            return repository == localRepositoryID || hotfixes.contains(repository)
        }
        var hidden: Set<Id> = []
        for id in 2..<pool.pointee.nsolvables where modularNames.contains(pool.pointee.solvables[Int(id)].name) {
            let nevra = artifactName(of: id)
            if visible.contains(nevra) || isExempt(id) { continue }
            if modular.contains(nevra) || visibleNames.contains(pool.pointee.solvables[Int(id)].name) {
                hidden.insert(id)
            }
        }
        for name in visibleNames {
            var place = Int(pool_whatprovides(pool, name))
            while case let id = pool.pointee.whatprovidesdata[place], id != 0 {
                if !visible.contains(artifactName(of: id)) && !isExempt(id) { hidden.insert(id) }
                place += 1
            }
        }
        filter.hidden = hidden.sorted()
        return filter
    }

    /// `name-epoch:version-release.arch`, with an epoch even where it is 0, as module metadata writes it.
    private func artifactName(of id: Id) -> String {
        let solvable = pool.pointee.solvables[Int(id)]
        let evr = String(cString: pool_id2str(pool, solvable.evr))
        return "\(String(cString: pool_id2str(pool, solvable.name)))-\(evr.contains(":") ? evr : "0:" + evr)."
            + String(cString: pool_id2str(pool, solvable.arch))
    }

    private static func name(ofArtifact artifact: String) -> String {
        artifact.split(separator: "-", omittingEmptySubsequences: false).dropLast(2).joined(separator: "-")
    }

    /// A metadata file, decompressed; `nil` when the repository has none of that type.
    func text(_ type: String, of metadata: RepositoryMetadata) throws -> String? {
        guard let path = try store.file(type, of: metadata) else { return nil }
        guard let stream = solv_xfopen(path.string, "r") else {
            throw ResolutionError(problems: ["\(path) cannot be opened: \(String(cString: strerror(errno)))"])
        }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 {
            bytes += chunk[..<count]
            guard bytes.count <= Self.longestText else {
                throw ResolutionError(problems: [
                    "\(type) of \(metadata.repository.id) is more than \(Self.longestText >> 20) MiB when it is unpacked; nobody's is"
                ])
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Of groups and modules, which are read into memory as a whole: Fedora's are 20 MiB, and three megabytes of gzip can be three gigabytes of blanks.
    private static let longestText = 256 << 20
}
