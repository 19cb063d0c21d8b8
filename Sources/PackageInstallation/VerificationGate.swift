import HostSystem
import SystemPackage

/// What the process that installs knows to be good so far: `Worker.install` says it.
///
/// See there for what has to be good before what.
final class VerificationGate {
    private let reporter: WorkerReporter
    private var good: Set<String> = []

    init(_ reporter: WorkerReporter) { self.reporter = reporter }

    /// Waits until all headers are good.
    func waitForHeaders() throws { try wait(for: VerifyPackagesJob.allHeaders) }

    /// Waits until the package is good as a whole.
    ///
    /// - Throws: `WorkerFailure` when nobody will ever say so.
    func wait(for package: PackageFile) throws { try wait(for: package.path.string) }

    private func wait(for what: String) throws {
        while !good.contains(what) {
            guard let word = try reporter.nextWord() else {
                throw WorkerFailure(kind: "signature", message: "the verification of packages ended before \(what)")
            }
            good.insert(word)
        }
    }
}
