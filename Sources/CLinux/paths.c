#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <string.h>
#include <unistd.h>

// glibc has no wrapper for openat2(2).
static int open_in_root(int root, const char *path, int flags, uint64_t resolve) {
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | resolve};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

int discographer_open_in_root(int root, const char *path, int flags) { return open_in_root(root, path, flags, RESOLVE_NO_MAGICLINKS); }

int discographer_find_in_root(int root, const char *path) { return open_in_root(root, path, O_PATH, RESOLVE_NO_MAGICLINKS); }

int discographer_open_in_root_without_links(int root, const char *path, int flags) {
    return open_in_root(root, path, flags, RESOLVE_NO_SYMLINKS);
}

int discographer_exchange_names(const char *first, const char *second) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
}

int discographer_move_to_free_name(int from, const char *name, int to, const char *free_name) {
    return renameat2(from, name, to, free_name, RENAME_NOREPLACE);
}

// Copies in user space where the file systems do not let the kernel copy.
static int copy_by_hand(int input, int output, off_t offset, off_t end) {
    char chunk[1 << 16];
    while (offset < end) {
        size_t wanted = end - offset < (off_t)sizeof chunk ? (size_t)(end - offset) : sizeof chunk;
        ssize_t got = pread(input, chunk, wanted, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return (int)got;
        for (ssize_t done = 0; done < got;) {
            ssize_t put = pwrite(output, chunk + done, (size_t)(got - done), offset + done);
            if (put < 0 && errno != EINTR) return -1;
            if (put > 0) done += put;
        }
        offset += got;
    }
    return 0;
}

static int copy_range(int input, int output, off_t offset, off_t end) {
    off_t from = offset, to = offset;
    while (from < end) {
        ssize_t count = copy_file_range(input, &from, output, &to, (size_t)(end - from), 0);
        if (count < 0 && errno == EINTR) continue;
        // Some file systems return 0 to refuse. If it is the end of the file, copying by hand finds that too.
        if (count > 0) continue;
        if (count < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return -1;
        return copy_by_hand(input, output, from, end);
    }
    return 0;
}

int discographer_copy_contents(int input, int output) {
    struct stat status;
    if (fstat(input, &status) < 0 || ftruncate(output, status.st_size) < 0) return -1;
    for (off_t offset = 0; offset < status.st_size;) {
        off_t data = lseek(input, offset, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return 0;
        if (data < 0) return copy_range(input, output, offset, status.st_size);
        off_t hole = lseek(input, data, SEEK_HOLE);
        if (hole < 0) hole = status.st_size;
        if (copy_range(input, output, data, hole) < 0) return -1;
        offset = hole;
    }
    return 0;
}

int64_t discographer_file_system_type(const char *path) {
    struct statfs status;
    return statfs(path, &status) < 0 ? -1 : (int64_t)status.f_type;
}

int discographer_sync_file_system(int file) { return syncfs(file); }

bool discographer_has_bytes(const void *text, size_t length, const void *part, size_t part_length) {
    return memmem(text, length, part, part_length) != NULL;
}
