#include "CLinux.h"

#include <malloc.h>

void discographer_use_one_heap(void) {
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 1);
#endif
}
