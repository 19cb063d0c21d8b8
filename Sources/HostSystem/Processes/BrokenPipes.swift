import Glibc

/// From now on, writing to a pipe that nobody reads is an error (`EPIPE`) and not the end of this process (signal(7), SIGPIPE): a program that this one feeds may
/// end before it has read everything. Programs that this process starts get the signal as they are used to.
public func makeBrokenPipesErrors() { _ = isIgnored }

private let isIgnored: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
