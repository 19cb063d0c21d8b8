internal import CLinux

/// For a program of which few threads allocate at the same time: each heap of its own would keep what it once got.
///
/// To be called before other threads exist.
public func useOneHeap() { discographer_use_one_heap() }
