/// A download, and which of its places are left to try.
struct Attempt {
    /// Among the downloads of its fetch.
    let index: Int
    let download: Download
    /// What is left to try in this round.
    private(set) var places: [Download.Place]
    private(set) var problems: [String] = []
    /// Those that may do better next time.
    private var again: [Download.Place] = []
    private var rounds = 0
    /// By mirror that has failed.
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

    /// Whether a mirror that has failed was left alone for long enough; another one is asked at once.
    func mayAsk(_ place: Download.Place, _ now: ContinuousClock.Instant) -> Bool { pauses[place.mirror].map { $0 <= now } ?? true }

    /// After the last place of a round the next begins with those that may do better. None of them is asked again before a pause, which
    /// doubles each time.
    mutating func failed(at place: Download.Place, _ problem: String, mayPass: Bool, _ now: ContinuousClock.Instant) {
        if !problems.contains(problem) { problems.append(problem) }
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
