// Getting files over http, https, ftp and file through libcurl: several at once, over several mirrors, each file from wherever
// its right bytes can be had.
import BuildStore
internal import CCurl
import Glibc
import HostSystem
import SystemPackage

/// Fetches files. A destination holds the whole, right content or does not exist.
struct Downloader: Sendable {
    /// Nothing but `file:` is asked then.
    var offline = false
    var cancellation = Cancellation()

    /// What keeps libcurl from being used. It is loaded once, by whoever first needs it: before any other thread uses the library, as
    /// curl_global_init(3) asks for.
    static let problem: String? = discographer_curl_load().map { String(cString: $0) }

    /// Blocks until all is there.
    ///
    /// - Parameter progress: called a few times a second, and with each finished file.
    /// - Returns: the mirror that each file came from; `nil` where it was there already.
    /// - Throws: `DownloadError` with everything that could not be had, `CancellationError`.
    @discardableResult
    func fetch(_ downloads: [Download], progress: (FetchProgress) -> Void = { _ in }) throws -> [String?] {
        guard !downloads.isEmpty else { return [] }
        var run = FetchRun(downloads, offline: offline)
        defer { run.end() }
        var reported = ContinuousClock.now
        progress(run.progress())
        try run.copyLocalFiles(cancellation, progress)
        if !run.isDone {
            if let problem = Self.problem { throw DownloadError(failures: [problem]) }
            run.multi = discographer_curl_multi_init()
        }
        while !run.isDone {
            if cancellation.isCancelled { throw CancellationError() }
            let now = ContinuousClock.now
            run.start(now)
            let active = run.perform()
            let someEnded = run.collect(now, progress)
            if reported.duration(to: now) >= Self.reportingInterval {
                reported = now
                progress(run.progress())
            }
            // Where some ended others may begin: without waiting for the network.
            if active || !someEnded { discographer_curl_multi_poll(run.multi, Self.pollingMilliseconds) }
        }
        guard run.failures.isEmpty else { throw DownloadError(failures: run.failures) }
        return run.mirrors
    }

    /// Also how long a cancelled fetch goes on.
    private static let pollingMilliseconds: Int32 = 100
    private static let reportingInterval = Duration.milliseconds(250)
}

/// The state of one fetch: what waits, what runs, and how the mirrors did.
private struct FetchRun {
    private let downloads: [Download]
    /// libcurl's; `nil` until it is needed.
    var multi: UnsafeMutableRawPointer?
    private var waiting: [Attempt] = []
    private var running: [UnsafeMutableRawPointer: (attempt: Attempt, place: Download.Place, transfer: Transfer)] = [:]
    private var standings: [String: MirrorStanding] = [:]
    private var finishedFiles = 0
    private var finishedBytes: UInt64 = 0
    private let totalBytes: UInt64
    private(set) var failures: [String] = []
    private(set) var mirrors: [String?]

    init(_ downloads: [Download], offline: Bool) {
        self.downloads = downloads
        mirrors = Array(repeating: nil, count: downloads.count)
        totalBytes = downloads.reduce(0) { $0 + ($1.size ?? 0) }
        for (index, download) in downloads.enumerated() {
            let allowed = download.places.filter { !offline || $0.url.lowercased().hasPrefix("file:") }
            let places = allowed.filter { !LocalCopy.isSpecial($0.url) }
            if places.isEmpty {
                let reason =
                    if let special = allowed.first { "\(SecretMask(download.options.secrets)(special.url)) is not a regular file" } else if offline {
                        "it is not in the cache, and --offline forbids to ask for it"
                    } else {
                        "no place is known for it"
                    }
                failures.append("\(download.name): \(reason)")
            } else {
                waiting.append(Attempt(index, download, places))
            }
        }
    }

    var isDone: Bool { waiting.isEmpty && running.isEmpty }

    func progress(finished name: String? = nil) -> FetchProgress {
        let underway = running.values.reduce(0) { $0 + ($1.attempt.download.size == nil ? 0 : $1.transfer.file.size) }
        return FetchProgress(
            files: finishedFiles, totalFiles: downloads.count, bytes: finishedBytes + underway, totalBytes: totalBytes,
            finished: name)
    }

    /// Files of this host's, as many at once as there are cores. What cannot be had like that waits for libcurl.
    mutating func copyLocalFiles(_ cancellation: Cancellation, _ report: (FetchProgress) -> Void) throws {
        let copies = waiting.enumerated().compactMap { position, attempt in
            LocalCopy(attempt.download).map { (position: position, copy: $0) }
        }
        var made: Set<Int> = []
        for begin in stride(from: 0, to: copies.count, by: Self.copiesAtOnce) {
            if cancellation.isCancelled { throw CancellationError() }
            let some = Array(copies[begin..<min(begin + Self.copiesAtOnce, copies.count)])
            for (one, isMade) in zip(some, concurrently(some) { $0.copy.make() }) where isMade {
                let attempt = waiting[one.position]
                made.insert(one.position)
                mirrors[attempt.index] = attempt.places.first?.mirror
                finish(attempt.download)
                report(progress(finished: attempt.download.name))
            }
        }
        waiting = waiting.indices.filter { !made.contains($0) }.map { waiting[$0] }
    }

    /// Enough for all cores, and few enough for a cancelled fetch to end soon.
    private static let copiesAtOnce = 16

    /// Begins as many of the waiting transfers as the options allow.
    mutating func start(_ now: ContinuousClock.Instant) {
        var later: [Attempt] = []
        for (position, attempt) in waiting.enumerated() {
            guard running.count < attempt.download.options.parallelTransfers else {
                later += waiting[position...]
                break
            }
            guard attempt.notBefore <= now, let place = place(for: attempt, now) else {
                later.append(attempt)
                continue
            }
            if let rest = begin(attempt, place, now) { later.append(rest) }
        }
        waiting = later
    }

    /// The best of the places that are left: those whose mirror serves come before those whose mirror fails, and none gets more
    /// transfers at once than it should while there are others. `nil`: later.
    private func place(for attempt: Attempt, _ now: ContinuousClock.Instant) -> Download.Place? {
        let isAlone = attempt.download.places.count == 1
        var lastChoice: Download.Place?
        for place in attempt.places where attempt.mayAsk(place, now) {
            let standing = standings[place.mirror] ?? MirrorStanding()
            guard isAlone || standing.running < attempt.download.options.transfersPerMirror else { continue }
            if !standing.isBad { return place }
            lastChoice = lastChoice ?? place
        }
        return lastChoice
    }

    /// - Returns: the attempt when it has to wait: another build fetches the same file.
    private mutating func begin(_ attempt: Attempt, _ place: Download.Place, _ now: ContinuousClock.Instant) -> Attempt? {
        var attempt = attempt
        let download = attempt.download
        do {
            try createDirectories(download.destination.removingLastComponent())
            let isKnown = !download.checksums.isEmpty
            guard let file = try PartialFile(of: download.destination, resumes: isKnown) else {
                attempt.notBefore = now + Attempt.waitForOther
                return attempt
            }
            if isKnown && exists(download.destination) {
                file.remove()
                finish(download)
                return nil
            }
            // Whole already, or too long to be a beginning of the right bytes: either way there is nothing to add to it.
            if file.size > 0, file.size >= download.size ?? .max {
                if try isRight(file.path, download) {
                    try file.commit()
                    finish(download)
                    return nil
                }
                try file.clear()
            }
            let transfer = try Transfer(place.url, into: file, size: download.size, options: download.options)
            discographer_curl_multi_add_handle(multi, transfer.handle)
            running[transfer.handle] = (attempt, place, transfer)
            standings[place.mirror, default: MirrorStanding()].running += 1
        } catch {
            failures.append("\(download.name): \(download.destination) cannot be written: \(error)")
        }
        return nil
    }

    private mutating func finish(_ download: Download) {
        finishedFiles += 1
        finishedBytes += download.size ?? 0
    }

    private func isRight(_ path: FilePath, _ download: Download) throws -> Bool {
        try download.checksums.contains { try Checksum($0.algorithm, ofFile: path) == $0 }
    }

    mutating func perform() -> Bool {
        var active: Int32 = 0
        discographer_curl_multi_perform(multi, &active)
        return active > 0
    }

    /// Takes care of the transfers that ended.
    ///
    /// - Returns: whether there were any.
    mutating func collect(_ now: ContinuousClock.Instant, _ report: (FetchProgress) -> Void) -> Bool {
        var someEnded = false
        var result = CURLE_OK
        while let handle = discographer_curl_multi_finished(multi, &result) {
            discographer_curl_multi_remove_handle(multi, handle)
            guard let (attempt, place, transfer) = running.removeValue(forKey: handle) else { continue }
            someEnded = true
            standings[place.mirror]?.running -= 1
            guard let problem = problem(of: transfer, result, attempt.download) else {
                standings[place.mirror]?.succeeded()
                mirrors[attempt.index] = place.mirror
                finish(attempt.download)
                report(progress(finished: attempt.download.name))
                continue
            }
            failed(attempt, place, transfer, problem, now)
        }
        return someEnded
    }

    /// Checks what came and puts it in place, or says what is wrong with it.
    private func problem(of transfer: Transfer, _ result: CURLcode, _ download: Download) -> TransferProblem? {
        if let problem = transfer.problem(result) { return problem }
        let file = transfer.file
        if let size = download.size, file.size < size {
            // A server may also answer a wish for the rest with nothing at all.
            if transfer.resumedAt == file.size && file.size > 0 { return TransferProblem(.resumption, "") }
            return TransferProblem(.passing, "it ends after \(file.size) of \(size) bytes")
        }
        do {
            if !download.checksums.isEmpty, !(try isRight(file.path, download)) {
                // The beginning may be another mirror's, or an older build's.
                if transfer.resumedAt > 0 { return TransferProblem(.resumption, "") }
                let expected = download.checksums.map(\.description).joined(separator: " or ")
                let found = try Checksum(download.checksums[0].algorithm, ofFile: file.path)
                return TransferProblem(.mirror, "wrong bytes: the checksum is \(found), the metadata says \(expected)")
            }
            try file.commit()
            return nil
        } catch {
            return TransferProblem(.host, "\(file.path): \(error)")
        }
    }

    private mutating func failed(
        _ attempt: Attempt, _ place: Download.Place, _ transfer: Transfer, _ problem: TransferProblem,
        _ now: ContinuousClock.Instant
    ) {
        let file = transfer.file
        // What broke off is a beginning for whoever comes next, and a mirror that sent nothing has spoilt nothing.
        let isOfUse =
            file.size > 0 && (problem.kind == .passing || problem.kind == .mirror && file.size == transfer.resumedAt)
        if !isOfUse || attempt.download.checksums.isEmpty { file.remove() }
        let mask = SecretMask(attempt.download.options.secrets)
        switch problem.kind {
        case .resumption:
            // No mirror's fault: the same place again, from the beginning.
            waiting.insert(attempt, at: 0)
            return
        case .host:
            failures.append("\(attempt.download.name): \(mask(problem.words))")
            return
        case .passing, .mirror:
            standings[place.mirror]?.failed(hard: problem.kind == .passing)
            var attempt = attempt
            attempt.failed(at: place, mask("\(place.url): \(problem.words)"), mayPass: problem.kind == .passing, now)
            guard attempt.places.isEmpty else { return waiting.append(attempt) }
            failures.append(
                "\(attempt.download.name) cannot be fetched:\n"
                    + attempt.problems.map { "  \($0)" }.joined(separator: "\n"))
        }
    }

    /// Frees everything; what was fetched so far of unfinished files stays for the next build.
    mutating func end() {
        for (handle, one) in running {
            discographer_curl_multi_remove_handle(multi, handle)
            if one.attempt.download.checksums.isEmpty || one.transfer.file.size == 0 { one.transfer.file.remove() }
        }
        running = [:]
        if let multi { discographer_curl_multi_cleanup(multi) }
    }
}

/// How a mirror did during one fetch.
private struct MirrorStanding {
    var running = 0
    private var failures = 0

    /// librepo leaves a mirror after as many failures without a success (LRO_ALLOWEDMIRRORFAILURES).
    private static let allowedFailures = 4

    var isBad: Bool { failures >= Self.allowedFailures }

    /// - Parameter hard: it does not answer or breaks off, rather than that it lacks a file.
    mutating func failed(hard: Bool) { failures += hard ? Self.allowedFailures : 1 }

    mutating func succeeded() { failures = 0 }
}
