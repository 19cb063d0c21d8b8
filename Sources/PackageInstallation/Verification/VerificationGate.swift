import HostSystem
import SystemPackage

/// What the installing process knows of the others' progress: which packages are good, and which have been unpacked. `Worker.install` tells it; see
/// there for what has to be verified before what.
final class VerificationGate {
    private let reporter: WorkerReporter
    private var words: Set<String> = []

    /// The message of `Worker.install` about an unpacked package.
    static func unpacked(_ number: String) -> String { "unpacked \(number)" }

    init(_ reporter: WorkerReporter) { self.reporter = reporter }

    /// Waits until all headers are good.
    func waitForHeaders() throws { try wait(for: VerifyPackagesJob.allHeaders) }

    /// Waits until header and payload of the package are good.
    ///
    /// - Throws: `WorkerFailure` when the verification has ended before.
    func wait(for package: PackageFile) throws { try wait(for: package.path.string) }

    /// Whether the package with this number has been unpacked; does not wait for it.
    func isUnpacked(_ number: Int) throws -> Bool {
        while let word = try reporter.nextWord(waits: false) { words.insert(word) }
        return words.contains(Self.unpacked("\(number)"))
    }

    private func wait(for what: String) throws {
        while !words.contains(what) {
            guard let word = try reporter.nextWord() else {
                throw WorkerFailure(kind: .signature, message: "the verification of packages ended before \(what)")
            }
            words.insert(word)
        }
    }
}
