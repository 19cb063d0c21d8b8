#include "CLinux.h"

#include <malloc.h>

void discographer_use_single_malloc_arena(void) {
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 1);
    // libsolv's arrays grow by realloc(3) and would leave holes in the heap. This reduces the peak of resolving 100 packages out of 66,000 from 54.2 to 53 MiB.
    mallopt(M_MMAP_THRESHOLD, 1 << 16);
#endif
}
