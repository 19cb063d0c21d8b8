// A stream header, a block for each call of `add`, the index of the blocks, a stream footer (The .xz File Format, 2); liblzma encodes each.
#include "CStored.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <unistd.h>

struct discographer_stored_xz {
    int file;
    lzma_index *index;
    uint8_t *block;
    size_t block_size;
};

// No check sums: the package's header has digests of the contents, which were verified.
static const lzma_stream_flags plain = {.check = LZMA_CHECK_NONE};

static int write_all(int file, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t put = write(file, bytes, count);
        if (put < 0 && errno != EINTR) return -1;
        if (put > 0) bytes += put, count -= (size_t)put;
    }
    return 0;
}

discographer_stored_xz *discographer_stored_xz_begin(int file) {
    uint8_t header[LZMA_STREAM_HEADER_SIZE];
    discographer_stored_xz *xz = calloc(1, sizeof *xz);
    if (!xz) return NULL;
    xz->file = file;
    xz->index = lzma_index_init(NULL);
    if (!xz->index) errno = ENOMEM;
    if (xz->index && lzma_stream_header_encode(&plain, header) == LZMA_OK && write_all(file, header, sizeof header) == 0) return xz;
    discographer_stored_xz_end(xz, 0);
    return NULL;
}

int discographer_stored_xz_add(discographer_stored_xz *xz, const void *bytes, size_t count) {
    size_t bound = lzma_block_buffer_bound(count), size = 0;
    if (bound > xz->block_size) {
        uint8_t *larger = realloc(xz->block, bound);
        if (!larger) return -1;
        xz->block = larger;
        xz->block_size = bound;
    }
    lzma_block block = {.check = LZMA_CHECK_NONE};
    if (lzma_block_uncomp_encode(&block, bytes, count, xz->block, &size, xz->block_size) != LZMA_OK ||
        lzma_index_append(xz->index, NULL, lzma_block_unpadded_size(&block), block.uncompressed_size) != LZMA_OK) {
        errno = ENOMEM;
        return -1;
    }
    return write_all(xz->file, xz->block, size);
}

static int write_end(discographer_stored_xz *xz) {
    size_t size = lzma_index_size(xz->index), used = 0;
    uint8_t *index = malloc(size), footer[LZMA_STREAM_HEADER_SIZE];
    if (!index) return -1;
    lzma_stream_flags flags = plain;
    flags.backward_size = size;
    int result = -1;
    if (lzma_index_buffer_encode(xz->index, index, &used, size) == LZMA_OK && lzma_stream_footer_encode(&flags, footer) == LZMA_OK &&
        write_all(xz->file, index, used) == 0)
        result = write_all(xz->file, footer, sizeof footer);
    free(index);
    return result;
}

int discographer_stored_xz_end(discographer_stored_xz *xz, int ends) {
    int result = ends ? write_end(xz) : 0, error = errno;
    if (xz->index) lzma_index_end(xz->index, NULL);
    free(xz->block);
    free(xz);
    errno = error;
    return result;
}
