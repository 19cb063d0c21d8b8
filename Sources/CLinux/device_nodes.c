// Device nodes where the kernel makes none, which is in every user namespace but the first: an empty file stands for the node, and an
// extended attribute says which. Whatever is done to the node - renamed, linked, chowned, copied up by overlayfs - is done to both.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char attribute[] = DISCOGRAPHER_NODE_ATTRIBUTE;

int discographer_make_node(int directory, const char *path, mode_t mode, dev_t device) {
    if (syscall(SYS_mknodat, directory, path, mode, (unsigned)device) == 0) return 0;
    if (errno != EPERM || !(S_ISCHR(mode) || S_ISBLK(mode))) return -1;
    int file = openat(directory, path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode & 07777);
    if (file < 0) return -1;
    char value[64];
    int length = snprintf(value, sizeof value, "%c %u %u", S_ISCHR(mode) ? 'c' : 'b', major(device), minor(device));
    int result = fsetxattr(file, attribute, value, (size_t)length, XATTR_CREATE), error = errno;
    close(file);
    if (result < 0) unlinkat(directory, path, 0);
    errno = error;
    return result;
}

bool discographer_read_node(const char *path, mode_t *type, dev_t *device) {
    char value[64], kind;
    unsigned first, second;
    ssize_t length = lgetxattr(path, attribute, value, sizeof value - 1);
    if (length < 0) return false;
    value[length] = 0;
    if (sscanf(value, "%c %u %u", &kind, &first, &second) != 3 || (kind != 'c' && kind != 'b')) return false;
    *type = kind == 'c' ? S_IFCHR : S_IFBLK;
    *device = makedev(first, second);
    return true;
}

// In place of the C library's, for librpm in the worker: packages bring device files. A program's own symbol comes before a library's.
int mknodat(int directory, const char *path, mode_t mode, dev_t device) { return discographer_make_node(directory, path, mode, device); }

int mknod(const char *path, mode_t mode, dev_t device) { return discographer_make_node(AT_FDCWD, path, mode, device); }
