import BuildGraph
import BuildStore
import ConfigurationTree
import HostSystem
import PackageInstallation
import PackageResolution
import RootFilesystem
import SystemPackage

/// The packages' root. Nothing of one machine is in it, not even its name: machines with the same packages share it.
///
/// The result: the folder `root`.
struct InstallStage: Stage {
    static let name = "install"
    static let version = 2
    /// The fact of the result that says where scriptlets have put what they saw of the machine.
    static let constantPlaces = "constantPlaces"

    /// In the order that librpm is given them.
    var packages: [PackageInput]
    /// The whole keyring.
    var keys: [FileInput]
    /// Those that the root's own database gets.
    var recordedKeys: [FileInput]
    var transactionFlags: [TransactionFlag]
    var languages: [String]
    var excludedPaths: [FilePath]
    var tolerated: [ToleratedScriptlet]
    var underlays: [LayerInput]
    /// The host's ids behind the ids of the root (`UserNamespace.ownership`).
    var ownership: [[IDRange]]?
    var sourceDateEpoch: Int
    /// librpm, and what it writes the database and runs Lua scriptlets with.
    var libraries: [String: String]
    var rpmConfiguration: [FileInput]
    let services: RunOnly<Services>

    struct Services: Sendable {
        var worker: Worker
        var fetcher: PackageFetcher
        var repositories: [Repository]
        /// Seconds. The files of a scriptlet that ends in time do not depend on the limit.
        var scriptletTimeLimit: Int
        var installedSize: UInt64
    }

    static let libraryNames = ["librpm.so", "librpmio.so", "librpmbuild.so", "librpmsign.so", "libsqlite3.so", "liblua"]

    /// A package of the transaction.
    struct PackageInput: Encodable, Sendable, IdentityRepresentable {
        struct Value: Encodable {
            var nevra: String
            var checksum: String
            var isSigned: Bool
        }

        /// The line of `packages` that asks for it by name.
        let origin: String?
        let package: TransactionPackage
        /// Of a local package: its file.
        let local: FileInput?
        /// Whether it must be signed by one of the keys.
        let isSigned: Bool

        func encode(to encoder: any Encoder) throws { try identityValue.encode(to: encoder) }

        var identityValue: Value {
            Value(nevra: package.nevra, checksum: package.checksum?.description ?? local?.digest ?? "", isSigned: isSigned)
        }
    }

    var demand: ResourceDemand { ResourceDemand(processors: 1, memory: 512 << 20, disk: services.value.installedSize) }

    func run(_ work: StageWork) async throws -> StageContent {
        let services = services.value
        let fetched = work.handedOver[FetchStage.name] as? [FilePath: LocalPackage] ?? [:]
        let root = work.folder.appending("root")
        do {
            try createRootFolder(root)
            if !underlays.isEmpty {
                _ = try await services.worker.run(
                    UnderlayJob(installRoot: root, layers: underlays.map(\.layer.value), sourceDateEpoch: sourceDateEpoch))
            }
            var job = InstallJob(
                installRoot: root, packages: packages.map { file(of: $0, fetched, services) }, keys: keys.map(\.path),
                sourceDateEpoch: sourceDateEpoch, toleratedScriptlets: tolerated)
            job.recordedKeys = recordedKeys.map(\.path)
            job.transactionFlags = transactionFlags
            job.languages = languages
            job.excludedPaths = excludedPaths
            job.scriptletLimits.seconds = services.scriptletTimeLimit
            let report: @Sendable (WorkerEvent) -> Void = { event in
                guard case .warning(var warning) = event else { return work.report(event) }
                warning.text = services.fetcher.naming(keysOf: services.repositories, in: warning.text)
                work.report(.warning(warning))
            }
            let outcome = try await services.worker.install(job, onEvent: report, onLog: work.log)
            // Tolerated ones, as package and scriptlet. The reasons are the machines' own, and not of the shared result.
            let failures = outcome.failedScriptlets.map { CanonicalValue.list([.text($0.package), .text($0.scriptlet)]) }
            return StageContent(
                facts: .map([
                    "packages": .number(Int64(packages.count)), "toleratedFailures": .list(failures),
                    Self.constantPlaces: .list(outcome.constantPlaces.map { .text($0.string) }),
                ]))
        } catch is CancellationError { throw CancellationError() } catch {
            throw StageError(services.fetcher.naming(keysOf: services.repositories, in: "\(error)"))
        }
    }

    private func file(of input: PackageInput, _ fetched: [FilePath: LocalPackage], _ services: Services) -> PackageFile {
        let path = services.fetcher.path(of: input.package)
        return PackageFile(
            path: fetched[path]?.path ?? path, nevra: input.package.nevra, isSigned: input.isSigned,
            isNamedByMetadata: input.package.checksum != nil,
            identity: input.package.checksum == nil ? FileIdentity(path) : fetched[path]?.identity)
    }
}
