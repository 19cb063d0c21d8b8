// Files in the formats of compressors whose contents are stored as they are: for readers that insist on the format and shall have no work with it.
#pragma once
#include <stddef.h>

typedef struct discographer_stored_xz discographer_stored_xz;

/// Begins a file in xz's format at the place where the open file `file` is. NULL with errno set when it cannot be written.
discographer_stored_xz *discographer_stored_xz_begin(int file);

/// Adds contents. 0, or -1 with errno set.
int discographer_stored_xz_add(discographer_stored_xz *xz, const void *bytes, size_t count);

/// Writes what ends the file, unless `ends` is false, and frees `xz`. 0, or -1 with errno set.
int discographer_stored_xz_end(discographer_stored_xz *xz, int ends);

/// The same in zstd's format, which needs no state; each 0, or -1 with errno set.
int discographer_stored_zstd_begin(int file);
int discographer_stored_zstd_add(int file, const void *bytes, size_t count);
int discographer_stored_zstd_end(int file);
