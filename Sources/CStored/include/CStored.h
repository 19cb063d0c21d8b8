// Writes files in compressors' formats with contents stored uncompressed: for readers that need the format but should not have to decompress.
#pragma once
#include <stddef.h>

typedef struct discographer_stored_xz discographer_stored_xz;

/// Begins xz's format at the current position of the open file `file`. Returns NULL with errno set when it cannot be written.
discographer_stored_xz *discographer_stored_xz_begin(int file);

/// Adds contents. Returns 0, or -1 with errno set.
int discographer_stored_xz_add(discographer_stored_xz *xz, const void *bytes, size_t count);

/// Writes the end of the format unless `ends` is false, and frees `xz`. Returns 0, or -1 with errno set.
int discographer_stored_xz_end(discographer_stored_xz *xz, int ends);

/// The same for zstd's format, which does not need a state. Each returns 0, or -1 with errno set.
int discographer_stored_zstd_begin(int file);
int discographer_stored_zstd_add(int file, const void *bytes, size_t count);
int discographer_stored_zstd_end(int file);
