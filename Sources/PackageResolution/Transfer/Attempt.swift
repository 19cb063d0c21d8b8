/// A download and the places that are left to try for it.
struct Attempt {
    /// Its index among the downloads of the fetch.
    let index: Int
    let download: Download
    /// Places that are left to try in this round.
    private(set) var places: [Download.Place]
    private(set) var failures: [String] = []
    /// Places that may work in the next round.
    private var again: [Download.Place] = []
    private var rounds = 0
    /// When each failed mirror may be asked again.
    private var pauses: [String: ContinuousClock.Instant] = [:]
    var notBefore = ContinuousClock.now

    static let waitForOther = Duration.milliseconds(200)
    static let firstPause = Duration.milliseconds(250)
    private static let longestDoubling = 6

    init(_ index: Int, _ download: Download, _ places: [Download.Place]) {
        self.index = index
        self.download = download
        self.places = places
    }

    /// Whether the place may be asked now: a failed mirror only after its pause.
    func mayAsk(_ place: Download.Place, _ now: ContinuousClock.Instant) -> Bool { pauses[place.mirror].map { $0 <= now } ?? true }

    /// Notes that a place failed. After the last place of a round the next round begins, with the places that may work then. A failed mirror
    /// gets a pause, which doubles with each round.
    ///
    /// - Parameter mayPass: whether the place may work in the next round.
    mutating func failed(at place: Download.Place, _ failure: String, mayPass: Bool, _ now: ContinuousClock.Instant) {
        if !failures.contains(failure) { failures.append(failure) }
        places.removeAll { $0 == place }
        pauses[place.mirror] = now + Self.firstPause * (1 << min(rounds, Self.longestDoubling))
        if mayPass { again.append(place) }
        guard places.isEmpty, !again.isEmpty else { return }
        let retries = download.options.retries
        guard retries == 0 || rounds < retries else { return }
        rounds += 1
        places = again
        again = []
    }
}
