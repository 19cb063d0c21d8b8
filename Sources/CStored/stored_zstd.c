// Writes a frame of raw blocks (RFC 8878, 3.1.1): libzstd does not have a level that stores.
#include "CStored.h"

#include <errno.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

enum { window_log = 17, largest_block = 1 << window_log };

// writev(2) may write only a part.
static int write_pair(int file, const void *head, size_t head_size, const void *bytes, size_t count) {
    struct iovec parts[2] = {{(void *)head, head_size}, {(void *)bytes, count}};
    int first = 0;
    while (first < 2) {
        ssize_t put = writev(file, parts + first, 2 - first);
        if (put < 0 && errno != EINTR) return -1;
        for (; first < 2 && put >= 0 && (size_t)put >= parts[first].iov_len; first++) put -= (ssize_t)parts[first].iov_len;
        if (first < 2 && put > 0) {
            parts[first].iov_base = (char *)parts[first].iov_base + put;
            parts[first].iov_len -= (size_t)put;
        }
    }
    return 0;
}

static int write_block(int file, const void *bytes, size_t count, int is_last) {
    uint32_t word = (uint32_t)count << 3 | (is_last ? 1 : 0);
    const uint8_t header[3] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16)};
    return write_pair(file, header, sizeof header, bytes, count);
}

int discographer_stored_zstd_begin(int file) {
    // Magic number; no content size, checksum or dictionary; the window.
    const uint8_t header[6] = {0x28, 0xb5, 0x2f, 0xfd, 0, (window_log - 10) << 3};
    return write_pair(file, header, sizeof header, NULL, 0);
}

int discographer_stored_zstd_add(int file, const void *bytes, size_t count) {
    for (const uint8_t *next = bytes; count > 0;) {
        size_t size = count < largest_block ? count : largest_block;
        if (write_block(file, next, size, 0) < 0) return -1;
        next += size;
        count -= size;
    }
    return 0;
}

int discographer_stored_zstd_end(int file) { return write_block(file, NULL, 0, 1); }
