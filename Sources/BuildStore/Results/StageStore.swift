public import SystemPackage

/// Where results of stages are kept, by identity. `LocalStageStore` is one in the cache.
public protocol StageStore: Sendable {
    /// The result of the stage with this identity, or of one that was found to make the same (`note`); `nil` when there is none.
    ///
    /// It has to be fast, since each run calls it for every stage of every machine.
    func result(of identity: Identity) -> StageResult?

    /// Makes sure that the result is what it was when it was made, and keeps it from being removed while this program runs. A damaged one is removed.
    ///
    /// - Parameter thoroughly: every byte is read; otherwise only what has other sizes or times than it had.
    /// - Returns: what is wrong with it, in words; `nil`: nothing.
    func damage(of result: StageResult, thoroughly: Bool) async throws -> String?

    /// Makes a result, unless another program makes it at this moment: then that one is waited for, and is the result.
    ///
    /// - Parameters:
    ///   - value: the stage in canonical form, kept beside the result.
    ///   - onWait: called before waiting for another program.
    ///   - body: fills the folder; its absolute path changes when it is done.
    /// - Throws: what `body` throws; nothing is kept then, but on request (`keepsFailures`).
    func make(
        _ identity: Identity, stage: String, value: CanonicalValue, onWait: @escaping @Sendable () -> Void,
        _ body: @escaping @Sendable (FilePath) async throws -> StageContent
    ) async throws -> StageResult

    /// Notes that the stage with this identity makes what the result is.
    func note(_ identity: Identity, makes result: StageResult) throws

    /// Waits until the results that this program made are on disk; from then on they count after a power cut.
    func reachDisk() async throws
}
