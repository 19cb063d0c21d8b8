// packages.lock: the transaction of one machine as a text that Git can hold, compare and merge (docs/packages.lock.md).
import BuildStore
import ConfigurationTree
import Foundation
import HostSystem
public import SystemPackage

/// Exactly the packages that a machine gets, whatever its repositories have later.
public struct PackageLock: Hashable, Sendable {
    /// What the lock was made from; when that changes, another lock is needed.
    public var inputs: LockedInputs
    /// Sorted by name.
    public var packages: [TransactionPackage]

    static let header = "discographer packages.lock 2"

    /// - Throws: `Errno` for a local package that cannot be read.
    public init(_ transaction: Transaction, answering request: ResolutionRequest) throws {
        inputs = LockedInputs(request)
        packages = try transaction.packages.map { package in
            guard package.repository == localRepositoryID else { return package }
            // The path depends on the checkout, so lock the file's name and content.
            let path = FilePath(package.location)
            var local = package
            local.location = path.lastComponent?.string ?? package.location
            local.checksum = try Checksum(.sha256, ofFile: path)
            return local
        }
        packages.sort { ($0.name, $0.nevra) < ($1.name, $1.nevra) }
    }

    init(inputs: LockedInputs, packages: [TransactionPackage]) {
        self.inputs = inputs
        self.packages = packages
    }

    /// The packages to install with this lock.
    ///
    /// - Throws: `LockMismatchError` with every reason why the lock does not fit the request: `packages` or the yum configuration differ, or a
    ///   local package is gone, new or has other content.
    public func transaction(for request: ResolutionRequest, lockFile: FilePath) throws -> Transaction {
        var diagnostics = inputs.differences(to: request, lockFile: lockFile)
        let inLock = SourceLocation(file: lockFile)
        // Neither the lock nor the configuration says whether signatures of such a package are checked.
        let known = Set(request.configuration.repositories.map(\.id) + [localRepositoryID])
        for package in packages where !known.union(inputs.repositories).contains(package.repository) {
            diagnostics.append(
                .init(at: [inLock], "\(package.nevra) is from the repository '\(package.repository)', but the lock was not made with that repository")
            )
        }
        let resolved = packages.map { package -> TransactionPackage in
            guard package.repository == localRepositoryID else { return package }
            var local = package
            local.checksum = nil
            guard let path = request.localPackages.first(where: { $0.lastComponent?.string == package.location }) else {
                diagnostics.append(.init(at: [inLock], "made with the local package \(package.location), which is not in rpms/ any more"))
                return local
            }
            local.location = path.string
            if let locked = package.checksum, let found = try? Checksum(locked.algorithm, ofFile: path), found != locked {
                diagnostics.append(
                    .init(at: [SourceLocation(file: path)], "the content differs from the lock: \(found) instead of \(locked)"))
            }
            return local
        }
        for path in request.localPackages
        where !packages.contains(where: { $0.repository == localRepositoryID && $0.location == path.lastComponent?.string }) {
            diagnostics.append(
                .init(at: [SourceLocation(file: path)], "this local package was not there when packages.lock was made"))
        }
        guard diagnostics.isEmpty else { throw LockMismatchError(lockFile: lockFile, diagnostics: diagnostics) }
        return Transaction(packages: resolved)
    }

    /// The inputs that have changed since the lock was made: lines of `packages`, repositories and options of the yum configuration, each with
    /// its location.
    public func changedInputs(for request: ResolutionRequest, lockFile: FilePath) -> [ResolutionDiagnostic] {
        inputs.differences(to: request, lockFile: lockFile)
    }

    /// The changes from this lock to `other`.
    ///
    /// - Throws: `Errno` when there is no memory.
    public func changes(to other: PackageLock) throws -> [TransactionChange] {
        try TransactionChange.changes(from: packages, to: other.packages)
    }
}

/// A lock that does not fit the configuration, with all reasons.
public struct LockMismatchError: Error, CustomStringConvertible {
    public var lockFile: FilePath
    public var diagnostics: [ResolutionDiagnostic]

    public var description: String {
        "the lock no longer fits; 'discographer lock' writes a new one:\n"
            + diagnostics.map(\.description).joined(separator: "\n")
    }
}

extension PackageLock {
    /// The lock in a file; `nil` when there is no file.
    ///
    /// - Throws: `ResolutionError` with everything that is wrong with it.
    public static func read(_ file: FilePath?) throws -> PackageLock? {
        guard let file else { return nil }
        var diagnostics: [Diagnostic] = []
        var lock: PackageLock?
        do {
            lock = PackageLock(text: try readText(file), file: file, diagnostics: &diagnostics)
        } catch {
            diagnostics.append(
                Diagnostic(
                    .error, at: SourceLocation(file: file), "cannot be read: \(error)", hint: "'discographer lock' writes a new one"))
        }
        guard diagnostics.isEmpty else { throw ResolutionError(problems: diagnostics.map(\.description)) }
        return lock
    }
}
