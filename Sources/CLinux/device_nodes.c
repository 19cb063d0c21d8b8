// Stand-ins for device nodes and FIFOs: empty files with an extended attribute that says which node. Renaming, linking, chown and copying up by overlayfs keep
// file and attribute together. They are needed for two reasons: the kernel allows device nodes only in the initial user namespace, and librpm 4.18.0 opens
// each file to set its owner (fsm.c), which blocks for ever on a FIFO and fails on a device of a nodev mount.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char attribute[] = DISCOGRAPHER_NODE_ATTRIBUTE;

// For the whole process, which has one thread while librpm works.
static bool stands_in_for_all;

void discographer_stand_in_for_all_nodes(bool all) { stands_in_for_all = all; }

static int make_stand_in(int directory, const char *path, mode_t mode, dev_t device) {
    int file = openat(directory, path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode & 07777);
    if (file < 0) return -1;
    char value[64];
    char kind = S_ISCHR(mode) ? 'c' : S_ISBLK(mode) ? 'b' : 'p';
    int length = snprintf(value, sizeof value, "%c %u %u", kind, major(device), minor(device));
    int result = fsetxattr(file, attribute, value, (size_t)length, XATTR_CREATE), error = errno;
    close(file);
    if (result < 0) unlinkat(directory, path, 0);
    errno = error;
    return result;
}

int discographer_make_node(int directory, const char *path, mode_t mode, dev_t device) {
    bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
    if (stands_in_for_all && (is_device || S_ISFIFO(mode))) return make_stand_in(directory, path, mode, device);
    if (syscall(SYS_mknodat, directory, path, mode, (unsigned)device) == 0) return 0;
    return errno == EPERM && is_device ? make_stand_in(directory, path, mode, device) : -1;
}

bool discographer_read_node(const char *path, mode_t *type, dev_t *device) {
    char value[64], kind;
    unsigned first, second;
    ssize_t length = lgetxattr(path, attribute, value, sizeof value - 1);
    if (length < 0) return false;
    value[length] = 0;
    if (sscanf(value, "%c %u %u", &kind, &first, &second) != 3) return false;
    if (kind != 'c' && kind != 'b' && kind != 'p') return false;
    *type = kind == 'c' ? S_IFCHR : kind == 'b' ? S_IFBLK : S_IFIFO;
    *device = makedev(first, second);
    return true;
}

int discographer_settle_node(const char *path) {
    mode_t type;
    dev_t device;
    struct stat status;
    if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode) || !discographer_read_node(path, &type, &device)) return 0;
    char node[4096];
    if (snprintf(node, sizeof node, "%s.node", path) >= (int)sizeof node) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (syscall(SYS_mknodat, AT_FDCWD, node, type | 0600, (unsigned)device) < 0) return errno == EPERM ? 0 : -1;
    struct timespec times[2] = {status.st_atim, status.st_mtim};
    if (lchown(node, status.st_uid, status.st_gid) == 0 && chmod(node, status.st_mode & 07777) == 0 &&
        utimensat(AT_FDCWD, node, times, AT_SYMLINK_NOFOLLOW) == 0 && rename(node, path) == 0)
        return 0;
    int error = errno;
    unlink(node);
    errno = error;
    return -1;
}

// Replaces the C library's function for librpm in the worker: a program's own symbol has precedence over a library's.
int mknodat(int directory, const char *path, mode_t mode, dev_t device) { return discographer_make_node(directory, path, mode, device); }

int mknod(const char *path, mode_t mode, dev_t device) { return discographer_make_node(AT_FDCWD, path, mode, device); }

int mkfifoat(int directory, const char *path, mode_t mode) {
    return discographer_make_node(directory, path, S_IFIFO | (mode & 07777), 0);
}

int mkfifo(const char *path, mode_t mode) { return discographer_make_node(AT_FDCWD, path, S_IFIFO | (mode & 07777), 0); }
