#include "CLinux.h"

#include <malloc.h>

void discographer_use_single_malloc_arena(void) {
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 1);
    // libsolv's arrays grow by realloc(3) and would leave holes in the heap: 54.2 MiB become 53 at the peak of a resolution of 100 packages
    // out of 66,000.
    mallopt(M_MMAP_THRESHOLD, 1 << 16);
#endif
}
