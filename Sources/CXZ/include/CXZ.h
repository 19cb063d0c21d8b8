// Files in xz's format whose contents are stored as they are: for readers that insist on the format and shall have no work with it.
#pragma once
#include <stddef.h>

typedef struct discographer_stored_xz discographer_stored_xz;

/// Begins such a file at the place where the open file `file` is. NULL with errno set when it cannot be written.
discographer_stored_xz *discographer_stored_xz_begin(int file);

/// Adds contents. 0, or -1 with errno set.
int discographer_stored_xz_add(discographer_stored_xz *xz, const void *bytes, size_t count);

/// Writes what ends the file, unless `ends` is false, and frees `xz`. 0, or -1 with errno set.
int discographer_stored_xz_end(discographer_stored_xz *xz, int ends);
