internal import CLinux

/// Makes malloc use a single arena: few threads allocate at the same time, and each further arena would hold on to memory that was freed.
///
/// To be called before other threads exist.
public func useSingleMallocArena() { discographer_use_single_malloc_arena() }
