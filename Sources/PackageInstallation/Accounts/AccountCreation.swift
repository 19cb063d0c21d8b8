// Who makes the accounts that packages declare. All that depends on the version of the build host's librpm and of the guest's rpm is here.
//
// rpm 4.19 and newer make a package's accounts when its turn has come: before its %pre and its triggers, and so before its files (rpmPackageInstall, psm.c). The
// packages that need them come later, by their `Requires: user(NAME)`. rpm 4.19 does not know `groupmember()`, which 4.20 does. Older ones make none.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

protocol AccountCreation {
    /// What librpm is told for the transaction.
    var transactionFlags: rpmtransFlags { get }

    /// Makes the accounts of a package. To be called when the package's turn has come.
    ///
    /// - Parameter number: the package's number in the job.
    /// - Returns: warnings about lines that have no effect.
    /// - Throws: `WorkerFailure` when rpm would not install the package.
    mutating func makeAccounts(of number: Int) throws -> [String]

    /// Warnings about accounts that are not in the root any more. To be called in the end.
    func lostAccounts() throws -> [String]
}

extension AccountCreation {
    func lostAccounts() throws -> [String] { [] }
}

/// RPMTRANS_FLAG_NOSYSUSERS of rpm 4.19 and newer; older ones ignore the bit.
private let withoutAccounts = rpmtransFlags(1 << 26)

/// librpm 4.20 and newer run the program of the macro `%__systemd_sysusers` themselves.
struct LibraryAccounts: AccountCreation {
    let transactionFlags: rpmtransFlags = 0

    func makeAccounts(of number: Int) throws -> [String] { [] }

    /// Whether the build host's librpm can do it.
    static var isPossible: Bool {
        guard let version = RPMVERSION, rpmvercmp(version, "4.20") >= 0 else { return false }
        var program: UnsafeMutablePointer<CChar>?
        defer { free(program) }
        return rpmExpandMacros(nil, "%{?__systemd_sysusers}", &program, 0) >= 0 && program.map { $0.pointee != 0 } == true
    }
}

/// A guest with an rpm older than 4.19: its packages make their accounts in scriptlets.
struct ScriptletAccounts: AccountCreation {
    let transactionFlags = withoutAccounts

    func makeAccounts(of number: Int) throws -> [String] { [] }
}

/// Makes them as rpm with systemd-sysusers does, for a librpm that cannot.
struct DeclaredAccounts: AccountCreation {
    let transactionFlags = withoutAccounts
    let declarations: AccountDeclarations
    let job: InstallJob
    let rules: SysusersRules
    /// Each run reads the root's other files too, and finds the same in them.
    private var known: Set<String> = []
    /// What was made, with its package.
    private var made: [(package: String, users: [String], groups: [String])] = []

    init(_ declarations: AccountDeclarations, job: InstallJob, rules: SysusersRules) {
        self.declarations = declarations
        self.job = job
        self.rules = rules
    }

    mutating func makeAccounts(of number: Int) throws -> [String] {
        let package = job.packages[number].nevra
        var warnings = (declarations.undecodable[number] ?? []).map {
            "\(package): '\($0)' does not declare an account, because it is not base64; rpm ignores it"
        }
        for source in declarations.sources[number] ?? [] {
            do { warnings += try make(source, of: package).filter { known.insert($0).inserted }.map { "\(package): accounts: \($0)" } } catch let
                error
                as WorkerFailure
            {
                throw WorkerFailure(kind: error.kind, message: "\(package): its accounts cannot be made: \(error.message)")
            } catch let refused as SysusersConfiguration.Refused {
                throw WorkerFailure(kind: .transaction, message: "\(package): the account that it declares cannot be made: \(refused)")
            }
        }
        return warnings
    }

    /// librpm decides before the first package which files it makes, so a passwd of a package takes the place of one with accounts of earlier packages. It does so
    /// with rpm 4.19 and newer, too.
    func lostAccounts() throws -> [String] {
        guard !made.isEmpty else { return [] }
        let (users, groups) = try AccountFiles(root: job.installRoot, day: 0, rules: rules).known()
        return made.flatMap { package, newUsers, newGroups in
            let lost =
                newUsers.filter { users.numbers[$0] == nil }.map { "the user '\($0)'" }
                + newGroups.filter { groups.numbers[$0] == nil }.map { "the group '\($0)'" }
            return lost.map {
                "\(package): \($0), which it declares, is not in the root any more; a later package or scriptlet has replaced /etc/passwd or /etc/group"
            }
        }
    }

    private mutating func make(_ source: AccountDeclarations.Source, of package: String) throws -> [String] {
        let root = job.installRoot
        var configuration = SysusersConfiguration(root: root, hostName: InstallJob.hostName)
        try configuration.add(source.lines, source: source.file)
        configuration.addImplicit()
        let files = AccountFiles(root: root, day: job.sourceDateEpoch / 86400, rules: rules)
        let allocation = AccountAllocation(configuration, known: try files.known(), root: root, rules: rules)
        try files.add(
            allocation.users, allocation.groups,
            members: Dictionary(configuration.members.elements.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first }))
        made.append((package, allocation.users.map(\.request.name), allocation.groups.map(\.name)))
        forgetAccountLookups()
        return configuration.warnings + allocation.warnings
    }
}

/// Chooses how a job's accounts are made.
///
/// A package that declares accounts gets them also if the guest does not have an rpm (a container's root, say): its files would be root's otherwise, and where a
/// %pre makes the same account, it finds it.
///
/// - Parameter guestRPM: the version of the guest's own rpm; `nil` when it has none.
func accountCreation(for declarations: AccountDeclarations, of job: InstallJob, guestRPM: String?) -> any AccountCreation {
    if let guestRPM, rpmvercmp(guestRPM, "4.19") < 0 { return ScriptletAccounts() }
    if LibraryAccounts.isPossible { return LibraryAccounts() }
    return DeclaredAccounts(declarations, job: job, rules: SysusersRules(systemd: declarations.systemd.flatMap { Int($0.prefix(while: \.isNumber)) }))
}

/// librpm keeps the name that it looked up last, and its number, also when there was no such account (rpmug.c): it would not see one that was made since.
func forgetAccountLookups() {
    // Exported by the library, but in none of its headers.
    guard let symbol = dlsym(nil, "rpmugFree") else { return }
    unsafeBitCast(symbol, to: (@convention(c) () -> Void).self)()
}
