import SystemPackage
import Testing

@testable import PackageResolution

struct AttemptTests {
    private func attempt(mirrors: Int) -> Attempt {
        let download = Download(
            name: "file", path: "file", mirrors: (1...mirrors).map { "http://mirror\($0)/" }, destination: "/nowhere/file", checksums: [],
            size: nil,
            options: TransferOptions())
        return Attempt(0, download, download.places)
    }

    @Test func onlyTheFailedMirrorHasAPause() throws {
        var attempt = attempt(mirrors: 3)
        let all = attempt.places
        let begin = ContinuousClock.now
        attempt.failed(at: all[0], "dead", mayPass: true, begin)
        #expect(attempt.places == [all[1], all[2]])
        #expect(attempt.mayAsk(all[1], begin) && attempt.mayAsk(all[2], begin))
        // The others took as long as the pause is: the round ends and the next begins, at once for the first, and not for the last.
        attempt.failed(at: all[1], "dead", mayPass: true, begin + Attempt.firstPause / 2)
        attempt.failed(at: all[2], "dead", mayPass: true, begin + Attempt.firstPause)
        #expect(attempt.places == all)
        #expect(all.map { attempt.mayAsk($0, begin + Attempt.firstPause) } == [true, false, false])
        #expect(all.map { attempt.mayAsk($0, begin + Attempt.firstPause * 2) } == [true, true, true])
    }

    @Test func pausesDoubleAndRetriesEnd() throws {
        var attempt = attempt(mirrors: 1)
        let place = try #require(attempt.places.first)
        var now = ContinuousClock.now
        for retry in 0..<TransferOptions().retries {
            attempt.failed(at: place, "dead", mayPass: true, now)
            #expect(attempt.places == [place])
            #expect(!attempt.mayAsk(place, now + Attempt.firstPause * (1 << retry) - .milliseconds(1)))
            now += Attempt.firstPause * (1 << retry)
            #expect(attempt.mayAsk(place, now))
        }
        attempt.failed(at: place, "dead", mayPass: true, now)
        #expect(attempt.places.isEmpty)
    }

    @Test func permanentFailuresAreNotRetried() throws {
        var attempt = attempt(mirrors: 2)
        let all = attempt.places
        attempt.failed(at: all[0], "not there", mayPass: false, .now)
        attempt.failed(at: all[1], "dead", mayPass: true, .now)
        #expect(attempt.places == [all[1]])
    }
}
