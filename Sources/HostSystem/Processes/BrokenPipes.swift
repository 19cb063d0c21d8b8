import Glibc

/// Makes writing to a pipe without a reader an error (`EPIPE`) instead of ending this process (SIGPIPE, signal(7)): a program may end before it has read all of
/// its input. Programs that this process starts still get the signal.
public func makeBrokenPipesErrors() { _ = isIgnored }

private let isIgnored: Void = { _ = signal(SIGPIPE, SIG_IGN) }()
