import HostSystem
import SystemPackage

/// What the process that installs knows of the work of others so far: which packages are good, and which it has unpacked copies of. `Worker.install`
/// says it; see there for what has to be good before what.
final class VerificationGate {
    private let reporter: WorkerReporter
    private var words: Set<String> = []

    /// What `Worker.install` says of a copy.
    static func unpacked(_ number: String) -> String { "unpacked \(number)" }

    init(_ reporter: WorkerReporter) { self.reporter = reporter }

    /// Waits until all headers are good.
    func waitForHeaders() throws { try wait(for: VerifyPackagesJob.allHeaders) }

    /// Waits until the package is good as a whole.
    ///
    /// - Throws: `WorkerFailure` when nobody will ever say so.
    func wait(for package: PackageFile) throws { try wait(for: package.path.string) }

    /// Whether there is a copy of the package with that number; does not wait for it.
    func isUnpacked(_ number: Int) throws -> Bool {
        while let word = try reporter.nextWord(waits: false) { words.insert(word) }
        return words.contains(Self.unpacked("\(number)"))
    }

    private func wait(for what: String) throws {
        while !words.contains(what) {
            guard let word = try reporter.nextWord() else {
                throw WorkerFailure(kind: "signature", message: "the verification of packages ended before \(what)")
            }
            words.insert(word)
        }
    }
}
