internal import CLinux

/// From now on this process runs when no other wants to, and those find its core free (sched(7), SCHED_IDLE): for work that nobody waits for.
public func runWhenIdle() { discographer_run_when_idle() }
