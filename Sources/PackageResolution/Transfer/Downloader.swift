// Fetches files over http, https, ftp and file with libcurl: several at once, each from any mirror that has the right content.
import BuildStore
internal import CCurl
import Glibc
import HostSystem
import SystemPackage

/// Fetches files. A destination has the whole, correct content or does not exist.
struct Downloader: Sendable {
    /// Whether only `file:` URLs may be fetched.
    var offline = false
    var cancellation = Cancellation()

    /// Why libcurl cannot be used; `nil` when it can. The first use loads it, before any other thread uses the library, as curl_global_init(3)
    /// requires.
    static let loadError: String? = discographer_curl_load().map { String(cString: $0) }

    /// Blocks until all files are there.
    ///
    /// - Parameter progress: called a few times a second, and with each finished file.
    /// - Returns: the mirror that each file came from; `nil` for a file that was there already.
    /// - Throws: `DownloadError` with every file that could not be fetched, `CancellationError`.
    @discardableResult
    func fetch(_ downloads: [Download], progress: (FetchProgress) -> Void = { _ in }) throws -> [String?] {
        guard !downloads.isEmpty else { return [] }
        var run = FetchRun(downloads, offline: offline)
        defer { run.end() }
        var reported = ContinuousClock.now
        progress(run.progress())
        try run.copyLocalFiles(cancellation, progress)
        if !run.isDone {
            if let loadError = Self.loadError { throw DownloadError(failures: [loadError]) }
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
            // If a transfer has just ended, start the next one before polling.
            if active || !someEnded { discographer_curl_multi_poll(run.multi, Self.pollingMilliseconds) }
        }
        guard run.failures.isEmpty else { throw DownloadError(failures: run.failures) }
        return run.mirrors
    }

    /// A cancelled fetch ends after this time at the latest.
    private static let pollingMilliseconds: Int32 = 100
    private static let reportingInterval = Duration.milliseconds(250)
}

/// The state of one fetch: waiting downloads, running transfers, and the record of each mirror.
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
                        "it is not in the cache, and --offline forbids fetching it"
                    } else {
                        "no URL is known for it"
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

    /// Copies files of this host, as many at once as there are cores. Files that cannot be copied wait for libcurl.
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

    /// Enough for all cores, but few enough that a cancelled fetch ends soon.
    private static let copiesAtOnce = 16

    /// Starts as many of the waiting transfers as the options allow.
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

    /// The best place that is left: mirrors that work come before mirrors that fail, and a mirror gets at most `transfersPerMirror`
    /// transfers at once while there are others. `nil` when the download has to wait.
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

    /// - Returns: the attempt when it has to wait, because another build is fetching the same file.
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
            // It is complete, or too long to be the beginning of the right file: there is nothing to append.
            if file.size > 0, file.size >= download.size ?? .max {
                if try download.isContent(of: file.path) {
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

    mutating func perform() -> Bool {
        var active: Int32 = 0
        discographer_curl_multi_perform(multi, &active)
        return active > 0
    }

    /// Handles the transfers that have ended.
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
            guard let failure = failure(of: transfer, result, attempt.download) else {
                standings[place.mirror]?.succeeded()
                mirrors[attempt.index] = place.mirror
                finish(attempt.download)
                report(progress(finished: attempt.download.name))
                continue
            }
            failed(attempt, place, transfer, failure, now)
        }
        return someEnded
    }

    /// Checks the file and moves it to its destination.
    ///
    /// - Returns: why that is not possible; `nil` when it was done.
    private func failure(of transfer: Transfer, _ result: CURLcode, _ download: Download) -> TransferFailure? {
        if let failure = transfer.failure(result) { return failure }
        let file = transfer.file
        if let size = download.size, file.size < size {
            // A server may answer a request for the rest with nothing at all.
            if transfer.resumedAt == file.size && file.size > 0 { return TransferFailure(.resumption, "") }
            return TransferFailure(.passing, "it ends after \(file.size) of \(size) bytes")
        }
        do {
            if !download.checksums.isEmpty, !(try download.isContent(of: file.path)) {
                // The beginning may come from another mirror or an older build.
                if transfer.resumedAt > 0 { return TransferFailure(.resumption, "") }
                let expected = download.checksums.map(\.description).joined(separator: " or ")
                let found = try Checksum(download.checksums[0].algorithm, ofFile: file.path)
                return TransferFailure(.mirror, "wrong content: the checksum is \(found); expected \(expected)")
            }
            try file.commit()
            return nil
        } catch {
            return TransferFailure(.host, "\(file.path): \(error)")
        }
    }

    private mutating func failed(
        _ attempt: Attempt, _ place: Download.Place, _ transfer: Transfer, _ failure: TransferFailure,
        _ now: ContinuousClock.Instant
    ) {
        let file = transfer.file
        // Keep the bytes of an interrupted transfer, so that the next one continues there. A mirror that sent nothing did not change them.
        let isOfUse =
            file.size > 0 && (failure.kind == .passing || failure.kind == .mirror && file.size == transfer.resumedAt)
        if !isOfUse || attempt.download.checksums.isEmpty { file.remove() }
        let mask = SecretMask(attempt.download.options.secrets)
        switch failure.kind {
        case .resumption:
            // Not the mirror's fault: try the same place again from the beginning.
            waiting.insert(attempt, at: 0)
            return
        case .host:
            failures.append("\(attempt.download.name): \(mask(failure.words))")
            return
        case .passing, .mirror:
            standings[place.mirror]?.failed(hard: failure.kind == .passing)
            var attempt = attempt
            attempt.failed(at: place, mask("\(place.url): \(failure.words)"), mayPass: failure.kind == .passing, now)
            guard attempt.places.isEmpty else { return waiting.append(attempt) }
            failures.append(
                "\(attempt.download.name) cannot be fetched:\n"
                    + attempt.failures.map { "  \($0)" }.joined(separator: "\n"))
        }
    }

    /// Frees everything. Unfinished files stay for the next build.
    mutating func end() {
        for (handle, one) in running {
            discographer_curl_multi_remove_handle(multi, handle)
            if one.attempt.download.checksums.isEmpty || one.transfer.file.size == 0 { one.transfer.file.remove() }
        }
        running = [:]
        if let multi { discographer_curl_multi_cleanup(multi) }
    }
}

/// The record of a mirror during one fetch.
private struct MirrorStanding {
    var running = 0
    private var failures = 0

    /// librepo gives up a mirror after this many failures without a success (LRO_ALLOWEDMIRRORFAILURES).
    private static let allowedFailures = 4

    var isBad: Bool { failures >= Self.allowedFailures }

    /// - Parameter hard: whether the mirror does not answer or breaks off, rather than lacks a file.
    mutating func failed(hard: Bool) { failures += hard ? Self.allowedFailures : 1 }

    mutating func succeeded() { failures = 0 }
}
