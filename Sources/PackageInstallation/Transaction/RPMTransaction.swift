// Runs one librpm transaction. librpm's process-wide state is set here; having a process of its own keeps it from everything else.
internal import CRPM
import ConfigurationTree
import Glibc
import HostSystem
import SystemPackage

final class RPMTransaction {
    private let job: InstallJob
    private let reporter: WorkerReporter
    private let transaction: rpmts
    private let log = RPMLog()
    private let warnings: RPMWarnings
    private let headers: PackageHeaders
    private var scriptOutput: ScriptOutput
    private let watch: ScriptletSupervisor
    private var opened: FD_t?
    private var finished = 0
    /// Of the packages, without folders, which several may have.
    private var fileCount = 0
    /// librpm opens a package for its %pretrans too, when nothing of it is installed.
    private var isInstalling = false
    private let gate: VerificationGate
    /// The packages whose header has a digest of the whole payload (rpm 4.14 and later). The header has been verified.
    private var havePayloadDigest: Set<Int> = []
    /// The packages with files that cannot be made in a user namespace.
    private var haveNodes: Set<Int> = []
    /// The packages that other processes unpack.
    private var unpackedAhead: Set<Int> = []
    private var preparable: PreparablePackages
    private var askedAsFiles: Set<Int> = []
    private let prepared: PreparedFiles?
    /// The package with prepared files that is being installed.
    private var preparedPackage: Int?
    private var moved = 0
    private var databaseIsHeld = false
    private var failures: [ScriptletResult] = []
    private let unusableKeys: [String]
    /// Files in folders that are mounted over during the installation.
    private(set) var coveredFiles = CoveredFiles()
    private var temporaryFolders: [TemporaryFolder] = []
    let seeds: GuestSeeds
    private(set) var database = TargetDatabase()
    private var declarations = AccountDeclarations()
    private var accounts: (any AccountCreation)?
    /// From then on librpm opens a package only to install it.
    private var pretransIsOver = false
    private let excludedPaths: ExcludedPaths
    /// Whether the failure of the latest scriptlet has been noted.
    private var failureIsNoted = false

    /// - Parameter mounts: what scriptlets see besides the root. Temporary folders that contain nothing of packages or the root are added.
    /// - Throws: `WorkerFailure` when librpm cannot be set up, or a key or package cannot be read.
    init(job: InstallJob, mounts: ScriptletFileSystems, reporter: WorkerReporter) throws {
        self.job = job
        self.reporter = reporter
        gate = VerificationGate(reporter)
        let warnings = RPMWarnings(reporter)
        self.warnings = warnings
        log.onWarning = { warnings.add($0) }
        for (name, value) in scriptletEnvironment(sourceDateEpoch: job.sourceDateEpoch) { setenv(name, value, 1) }
        try configureLibRPM()
        rpmPushMacro(nil, "_flush_io", nil, "0", RMIL_CMDLINE)
        if !job.languages.isEmpty {
            rpmPushMacro(nil, "_install_langs", nil, job.languages.joined(separator: ":"), RMIL_CMDLINE)
        }
        headers = try PackageHeaders(of: job.packages, log: log)
        if let release = headers.newestKernel { try mounts.setKernelRelease(release) }
        try redirectLua(mounts.covered)
        seeds = try GuestSeeds(in: job.installRoot, for: headers.lists.compactMap(\.self))
        for (index, header) in headers.headers.enumerated() {
            guard let list = headers.lists[index]?.files else { continue }
            try coveredFiles.add(list, of: header, package: job.packages[index])
        }
        for path in TemporaryFolder.paths {
            let folder = try TemporaryFolder(path, in: job.installRoot, headers: headers, packages: job.packages)
            temporaryFolders.append(folder)
            if folder.canBeCovered {
                try mounts.addTemporary(path, bytes: job.temporaryBytes)
                for (package, entry) in folder.entries { coveredFiles.add(entry, of: package) }
            } else {
                try folder.make()
            }
        }
        // These folders are mounted over for the scriptlets; packages must not change what is mounted there.
        rpmPushMacro(nil, "_netsharedpath", nil, mounts.covered.keys.map(\.string).sorted().joined(separator: ":"), RMIL_CMDLINE)
        preparable = PreparablePackages(job: job, covered: mounts.covered.keys)
        prepared = PreparedFiles(for: job.installRoot, from: job.copies, in: reporter.keptFolder, covered: Set(mounts.covered.keys))
        transaction = rpmtsCreate()
        excludedPaths = ExcludedPaths(job.excludedPaths)
        scriptOutput = try ScriptOutput()
        watch = try ScriptletSupervisor(
            job.scriptletLimits, root: job.installRoot, output: scriptOutput.descriptor, reporter: reporter)
        guard rpmtsSetRootDir(transaction, job.installRoot.string) == 0 else {
            throw WorkerFailure(kind: .librpm, message: "librpm does not accept \(job.installRoot) as a root")
        }
        let keyring = try PackageKeyring(job.keys)
        keyring.trust(in: transaction)
        unusableKeys = keyring.unusable
    }

    deinit { rpmtsFree(transaction) }

    /// - Throws: `WorkerFailure` for a database backend that the build host's librpm cannot write.
    private func chooseBackend() throws {
        // Berkeley DB is converted from SQLite in the end.
        guard let (name, file) = database.backend, name != "bdb" else { return }
        rpmPushMacro(nil, "_db_backend", nil, name, RMIL_CMDLINE)
        let folder = job.installRoot.pushing(database.path.removingRoot())
        // librpm opens an unknown backend without an error, as a database that stores nothing and makes no file.
        guard rpmtsOpenDB(transaction, O_RDWR | O_CREAT) == 0, try makesFiles(in: folder) else {
            throw WorkerFailure(
                kind: .librpm,
                message:
                    "\(file) of the packages sets the database backend '\(name)' (%_db_backend), which librpm \(LibRPM.version) of the build host cannot write; use a build host whose rpm supports it, or packages with 'sqlite'"
                    + log.takeErrors())
        }
    }

    private func makesFiles(in folder: FilePath) throws -> Bool {
        var isThere = false
        try walk(folder) { path, status in
            if status.st_mode & S_IFMT == S_IFREG, path.lastComponent?.string != ".rpm.lock" { isThere = true }
        }
        return isThere
    }

    /// Records the trusted keys in the root's database before the packages, as dnf does.
    private func recordKeys() throws {
        // librpm records only keys that its keyring does not have.
        try PackageKeyring([]).trust(in: transaction)
        for path in job.recordedKeys {
            for key in try PublicKey.read(path).keys where !key.record(in: transaction) {
                throw WorkerFailure(
                    kind: .signature, message: "\(path): librpm does not accept the key" + log.takeErrors())
            }
        }
        try PackageKeyring(job.keys).trust(in: transaction)
    }

    private var flags: rpmtransFlags {
        let asked = job.transactionFlags.map { flag in
            switch flag {
            case .nodocs: RPMTRANS_FLAG_NODOCS
            case .noscripts: RPMTRANS_FLAG_NOSCRIPTS
            case .notriggers: RPMTRANS_FLAG_NOTRIGGERS
            case .nocaps: RPMTRANS_FLAG_NOCAPS
            case .nocontexts: RPMTRANS_FLAG_NOCONTEXTS
            }
        }
        // The host's plugins (systemd_inhibit, audit, syslog ...) are meant for installations on the host itself.
        return (asked + [RPMTRANS_FLAG_NOPLUGINS]).reduce(rpmtsFlags(transaction)) { $0 | rpmtransFlags($1.rawValue) }
    }

    /// Converts the database to the format that the root's rpm reads.
    ///
    /// - Throws: as `BerkeleyDatabase.make`.
    func convertDatabase() throws {
        guard database.needsBerkeleyDB, let version = database.rpmVersion else { return }
        let berkeley = BerkeleyDatabase(root: job.installRoot, folder: database.path)
        if let missing = berkeley.missingProgram {
            return warnings.tell(
                Warning(
                    "rpm \(version) of this machine reads only Berkeley DB, but the machine does not have \(missing) to make one; its package database stays in SQLite",
                    path: missing.string))
        }
        try berkeley.make(from: transaction)
    }

    /// Removes what scriptlets left in temporary folders. To be called when none can run any more.
    ///
    /// - Throws: `HostSystemError.systemCall`.
    func cleanTemporaryFolders() throws { for folder in temporaryFolders { try folder.clean() } }

    /// Installs the packages.
    ///
    /// - Throws: `WorkerFailure`.
    func run() throws -> InstallOutcome {
        try addPackages()
        try checkInodes()
        for (index, files) in database.macroFiles.sorted(by: { $0.key < $1.key }) {
            try gate.wait(for: job.packages[index])
            try database.read(files, of: job.packages[index])
        }
        rpmPushMacro(nil, "_dbpath", nil, database.path.string, RMIL_CMDLINE)
        try chooseBackend()
        try recordKeys()
        try check(rpmtsCheck(transaction) == 0, kind: .dependencies, what: "the packages' dependencies are not met")
        rpmtsOrder(transaction)
        rpmtsClean(transaction)
        accounts = accountCreation(for: declarations, of: job, guestRPM: database.rpmVersion)
        _ = rpmtsSetFlags(transaction, flags | (accounts?.transactionFlags ?? 0))
        rpmtsSetScriptFd(transaction, scriptOutput.handle)
        rpmtsSetNotifyCallback(
            transaction,
            { header, what, amount, total, key, data in
                guard let data else { return nil }
                let own = Unmanaged<RPMTransaction>.fromOpaque(data).takeUnretainedValue()
                return own.notified(header.map { OpaquePointer($0) }, what, amount, total, key)
            }, Unmanaged.passUnretained(self).toOpaque())
        try gate.waitForHeaders()
        let result = standingInForNodes { rpmtsRun(transaction, nil, RPMPROB_FILTER_NONE.rawValue) }
        rpmtsSetNotifyCallback(transaction, nil, nil)
        releaseDatabase()
        // Checked first: after a failing %pre or %pretrans librpm reports only that the package was not installed.
        try checkScriptlets()
        if result > 0 { try check(false, kind: .transaction, what: "the packages cannot be installed") }
        guard result == 0 else {
            let scriptlets = failures.map { "\($0.package) \($0.scriptlet): \($0.failure)" }
            throw WorkerFailure(
                kind: .transaction,
                message: (["the installation failed:"] + log.errors + scriptlets).joined(separator: "\n  "))
        }
        if prepared != nil { reporter.log("the files of \(moved) of \(job.packages.count) packages were made before their turn") }
        for package in job.packages { try package.checkIsUnchanged() }
        try database.checkIsThere(in: job.installRoot, of: transaction)
        try coveredFiles.record(in: transaction)
        rpmtsCloseDB(transaction)
        guard log.errors.isEmpty || !failures.isEmpty else {
            throw WorkerFailure(
                kind: .transaction, message: (["the installation failed"] + log.errors).joined(separator: "\n"))
        }
        for text in try unusableKeys + (accounts?.lostAccounts() ?? []) { warnings.tell(Warning(text)) }
        return InstallOutcome(packageCount: job.packages.count, failedScriptlets: failures)
    }

    /// What did not fail the installation; the reporter has been told.
    var toldWarnings: [Warning] { warnings.all }

    private func addPackages() throws {
        // Other processes verify each package.
        rpmtsSetVfyLevel(transaction, 0)
        var problems: [String] = []
        fileCount = headers.lists.reduce(0) { $0 + ($1?.leastInodes ?? 0) }
        for (index, header) in headers.headers.enumerated() {
            if headerIsEntry(header, rpmTagVal(RPMTAG_PAYLOADDIGEST.rawValue)) != 0 { havePayloadDigest.insert(index) }
            if job.copies != nil, UnpackAheadJob.format(of: header) != nil { unpackedAhead.insert(index) }
            let list = headers.lists[index]
            database.add(header, list?.files, number: index)
            declarations.add(header, number: index)
            if let list {
                if prepared != nil { preparable.add(header, list.files, number: index) }
                if !list.nodes.isEmpty { haveNodes.insert(index) }
            }
            let key = UnsafeRawPointer(bitPattern: index + 1)
            if rpmtsAddInstallElement(transaction, header, key, 0, excludedPaths.relocations) != 0 {
                problems.append("\(job.packages[index].nevra): librpm does not accept it" + log.takeErrors())
            }
        }
        headers.removeAll()
        guard problems.isEmpty else { throw PackageHeaders.refusal(problems) }
    }

    /// librpm counts them too, and says neither how many there are nor where.
    private func checkInodes() throws {
        var status = statvfs()
        // A file system without a fixed number of inodes has 0 of them.
        guard statvfs(job.installRoot.string, &status) == 0, status.f_files > 0, fileCount > Int(clamping: status.f_ffree) else { return }
        throw WorkerFailure(
            kind: .transaction,
            message:
                "\(job.installRoot): there are not enough inodes for the packages: they have \(fileCount) files, and \(status.f_ffree) inodes are free"
        )
    }

    /// Asks other processes to unpack the packages for which that is worthwhile, in the order of installation.
    private func askForUnpacking() {
        guard let elements = rpmtsiInit(transaction) else { return }
        defer { rpmtsiFree(elements) }
        var order: [Int] = []
        while let element = rpmtsiNext(elements, rpmElementTypes(TR_ADDED.rawValue)) {
            if let key = rpmteKey(element) { order.append(Int(bitPattern: key) - 1) }
        }
        if let prepared {
            askedAsFiles = prepared.settle(&preparable, order: order)
            unpackedAhead.formUnion(askedAsFiles)
        }
        guard !unpackedAhead.isEmpty else { return }
        let wanted = order.filter(unpackedAhead.contains).map { index in
            NumberedPackage(number: index, file: job.packages[index], asFiles: askedAsFiles.contains(index))
        }
        if let word = WishToUnpack(packages: wanted).word { reporter.done(word) }
    }

    /// Makes the package's accounts, and opens it or its unpacked copy.
    private func open(_ index: Int) throws -> FD_t? {
        try gate.wait(for: job.packages[index])
        // Still set when the previous package's %pre failed.
        preparedPackage = nil
        let isUnpacked = try unpackedAhead.contains(index) && gate.isUnpacked(index)
        if pretransIsOver {
            for text in try accounts?.makeAccounts(of: index) ?? [] { warnings.tell(Warning(text, package: job.packages[index].nevra)) }
        }
        if isUnpacked, let copies = job.copies, !askedAsFiles.contains(index) {
            return Fopen(UnpackAheadJob.place(of: index, in: copies).string, "r.ufdio")
        }
        if isUnpacked { preparedPackage = index } else { prepared?.markBegun(index) }
        return try job.packages[index].open()
    }

    /// Called when librpm has run everything that comes before the package's files.
    private func movePrepared(_ header: Header?) {
        guard let index = preparedPackage, prepared?.move(index, header, madeFolders: preparable.madeFolders[index] ?? []) == true else { return }
        moved += 1
        _ = rpmtsSetFlags(transaction, rpmtsFlags(transaction) | rpmtransFlags(RPMTRANS_FLAG_JUSTDB.rawValue))
    }

    /// Lets librpm make the next package's files again.
    private func endPrepared() {
        preparedPackage = nil
        _ = rpmtsSetFlags(transaction, rpmtsFlags(transaction) & ~rpmtransFlags(RPMTRANS_FLAG_JUSTDB.rawValue))
    }

    /// - Throws: `WorkerFailure` with all of librpm's problems, unless all is good.
    private func check(_ good: Bool, kind: FailureKind, what: String) throws {
        let problems = rpmtsProblems(transaction)
        defer { rpmpsFree(problems) }
        guard !good || rpmpsNumProblems(problems) > 0 else { return }
        var lines: [String] = []
        let iterator = rpmpsInitIterator(problems)
        defer { rpmpsFreeIterator(iterator) }
        while let problem = rpmpsiNext(iterator) {
            guard let text = rpmProblemString(problem) else { continue }
            lines.append(String(cString: text))
            free(text)
        }
        lines += log.errors.filter { !lines.contains($0) }
        throw WorkerFailure(kind: kind, message: (["\(what):"] + lines).joined(separator: "\n  "))
    }

    private func notified(
        _ header: Header?, _ what: rpmCallbackType, _ amount: rpm_loff_t, _ total: rpm_loff_t, _ key: fnpyKey?
    ) -> UnsafeMutableRawPointer? {
        switch what {
        case RPMCALLBACK_INST_OPEN_FILE:
            guard let key, case let index = Int(bitPattern: key) - 1, job.packages.indices.contains(index) else {
                return nil
            }
            do { opened = try open(index) } catch {
                log.errors.append("\(error)")
                return nil
            }
            digestFiles(!havePayloadDigest.contains(index))
            return opened.map { UnsafeMutableRawPointer($0) }
        case RPMCALLBACK_INST_CLOSE_FILE:
            Fclose(opened)
            opened = nil
            guard isInstalling else { break }
            isInstalling = false
            finished += 1
            if let key, case let index = Int(bitPattern: key) - 1, unpackedAhead.contains(index) { reporter.done("\(index)") }
            reporter.progress(finished, of: job.packages.count, header.map(nevra) ?? "")
        // Here librpm has checked the free space and the existing files.
        case RPMCALLBACK_TRANS_STOP:
            pretransIsOver = true
            askForUnpacking()
            holdDatabase()
        case RPMCALLBACK_INST_START:
            warnings.enter(header)
            isInstalling = true
            // A scriptlet may have made accounts.
            forgetAccountLookups()
            movePrepared(header)
        case RPMCALLBACK_INST_STOP:
            endPrepared()
            if let key, haveNodes.contains(Int(bitPattern: key) - 1) { settleNodes(of: header) }
            warnings.enter(nil)
        case RPMCALLBACK_SCRIPT_START:
            warnings.enter(header)
            failureIsNoted = false
            releaseDatabase()
            watch.begin("\(header.map(nevra) ?? "?") \(Self.names[Int64(amount)] ?? "scriptlet \(amount)")")
        case RPMCALLBACK_SCRIPT_STOP, RPMCALLBACK_SCRIPT_ERROR:
            scriptletEnded(header, tag: amount, failed: what == RPMCALLBACK_SCRIPT_ERROR)
            warnings.enter(nil)
            holdDatabase()
        case RPMCALLBACK_UNPACK_ERROR, RPMCALLBACK_CPIO_ERROR:
            log.errors.append("\(header.map(nevra) ?? "a package") cannot be unpacked")
        default: break
        }
        return nil
    }

    /// Lets librpm write the following packages to the database in one SQLite transaction; a transaction for each took 0.1 s more of processor time for
    /// the demo's 179 packages. It is committed before each scriptlet, which may query packages, and at the end.
    private func holdDatabase() {
        guard !databaseIsHeld else { return }
        databaseIsHeld = rpmdbCtrl(rpmtsGetRdb(transaction), RPMDB_CTRL_LOCK_RW) == 0
    }

    private func releaseDatabase() {
        guard databaseIsHeld else { return }
        databaseIsHeld = false
        if rpmdbCtrl(rpmtsGetRdb(transaction), RPMDB_CTRL_UNLOCK_RW) != 0 { log.errors.append("the package database cannot be written") }
    }

    /// Sets whether librpm checks each unpacked file against its digest in the header. librpm reads the flag for each package.
    private func digestFiles(_ wanted: Bool) {
        let flag = rpmtransFlags(RPMTRANS_FLAG_NOFILEDIGEST.rawValue)
        let flags = rpmtsFlags(transaction)
        _ = rpmtsSetFlags(transaction, wanted ? flags & ~flag : flags | flag)
    }

    /// librpm passes the tag of plain triggers for a file trigger, and does not always call back when it fails. Its log is exact, so names and failures are
    /// taken from there.
    private func scriptletEnded(_ header: Header?, tag: rpm_loff_t, failed: Bool) {
        let end = watch.end()
        let output = scriptOutput.take()
        var lines = log.takeScriptletLines()
        if let reason = end.reason { lines.append(reason) }
        var package = header.map(nevra) ?? "?"
        var scriptlet = Self.names[Int64(tag)] ?? "scriptlet \(tag)"
        // Lua's message has only the beginning of a long name.
        if let line = lines.first, let named = line.firstMatch(of: /(%[a-z]+)\(([^()]+)(\))?/) {
            // librpm's messages say `%prein` for `%pre`; other names are the same.
            scriptlet = named.1 == "%prein" ? "%pre" : String(named.1)
            if named.3 != nil { package = String(named.2) }
        }
        if !output.isEmpty { reporter(.output(source: "\(package) \(scriptlet)", text: output)) }
        if !end.leftRunning.isEmpty {
            warnings.tell(
                Warning(
                    "\(package) \(scriptlet) left running: \(end.leftRunning.joined(separator: ", ")); stopped", package: package))
        }
        if failed || !lines.isEmpty, let interpreter = Interpreter(outOf: output) {
            lines.append(interpreter.fault(of: "\(package)'s \(scriptlet)"))
        }
        guard failed || !lines.isEmpty else { return }
        // librpm calls back with SCRIPT_STOP after the log's line, and then with SCRIPT_ERROR without a new line.
        if lines.isEmpty, failureIsNoted { return }
        failureIsNoted = true
        failures.append(
            ScriptletResult(
                package: package, scriptlet: scriptlet, output: output, failure: lines.joined(separator: "\n    ")))
    }

    /// Replaces stand-ins by device nodes, when the package's files are in their places and before its %post.
    private func settleNodes(of header: Header?) {
        guard let header, let list = FileList(header) else { return }
        for index in list.nodes {
            guard let path = rpmfilesFN(list.files, index) else { continue }
            defer { free(path) }
            do { try settleNode(String(cString: path)) } catch {
                log.errors.append("\(nevra(header)): \(String(cString: path)) cannot be made: \(error)")
            }
        }
    }

    /// rpmtsRun of 4.18 succeeds although a %post has failed. Without this check, a build would succeed with a broken machine.
    private func checkScriptlets() throws {
        let unannounced = log.takeScriptletLines()
        if !unannounced.isEmpty {
            failures.append(
                ScriptletResult(
                    package: "", scriptlet: "", output: scriptOutput.take(),
                    failure: unannounced.joined(separator: "\n")))
        }
        for index in failures.indices {
            failures[index].isTolerated = job.toleratedScriptlets.contains { $0.covers(failures[index]) }
        }
        for failure in failures where failure.isTolerated {
            reporter.log("\(failure.package) \(failure.scriptlet) failed, and is tolerated: \(failure.failure)")
        }
        let fatal = failures.filter { !$0.isTolerated }
        guard !fatal.isEmpty else { return }
        let words = fatal.map { failure in
            "\(failure.package) \(failure.scriptlet): \(failure.failure)"
                + (failure.output.isEmpty
                    ? ""
                    : "\n"
                        + failure.output.split(separator: "\n").suffix(20).map { "    \($0)" }.joined(separator: "\n"))
        }
        throw WorkerFailure(
            kind: .scriptlet,
            message: (["scriptlets failed; list those that may fail in 'toleratedScriptlets' of machine.yaml:"] + words)
                .joined(separator: "\n  "))
    }

    private func nevra(_ header: Header) -> String {
        guard let text = headerGetAsString(header, rpmTagVal(RPMTAG_NEVRA.rawValue)) else { return "?" }
        defer { free(text) }
        return String(cString: text)
    }

    /// The scriptlets' names by their tags in the header (rpmtag.h).
    private static let names: [Int64: String] = [
        Int64(RPMTAG_PREIN.rawValue): "%pre", Int64(RPMTAG_POSTIN.rawValue): "%post",
        Int64(RPMTAG_PRETRANS.rawValue): "%pretrans",
        Int64(RPMTAG_POSTTRANS.rawValue): "%posttrans", Int64(RPMTAG_TRIGGERIN.rawValue): "%triggerin",
        Int64(RPMTAG_TRIGGERPREIN.rawValue): "%triggerprein", Int64(RPMTAG_FILETRIGGERIN.rawValue): "%filetriggerin",
        Int64(RPMTAG_TRANSFILETRIGGERIN.rawValue): "%transfiletriggerin", Int64(RPMTAG_PREUN.rawValue): "%preun",
        Int64(RPMTAG_POSTUN.rawValue): "%postun",
    ]
}
