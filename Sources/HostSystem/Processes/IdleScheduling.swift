internal import CLinux

/// Puts this process into SCHED_IDLE (sched(7)): it gets only CPU time that no other process wants, and its core counts as free for others.
public func runWhenIdle() { discographer_run_when_idle() }
