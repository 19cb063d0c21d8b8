#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// Another process may take the same device between LOOP_CTL_GET_FREE and LOOP_CONFIGURE.
static const int attempts = 64;

int discographer_loop_attach(int file, uint64_t offset, uint64_t size, bool read_only, char *device_path,
                             size_t device_path_size) {
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return -1;
    int result = -1;
    for (int attempt = 0; attempt < attempts; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) break;
        snprintf(device_path, device_path_size, "/dev/loop%d", number);
        int device = open(device_path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        if (device < 0) break;
        struct loop_config configuration = {
            .fd = (__u32)file,
            .info = {.lo_offset = offset,
                     .lo_sizelimit = size,
                     .lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0)},
        };
        if (ioctl(device, LOOP_CONFIGURE, &configuration) == 0) {
            result = device;
            break;
        }
        int error = errno;
        close(device);
        errno = error;
        if (error != EBUSY && error != EAGAIN) break;
        usleep(10000);
    }
    int error = errno;
    close(control);
    errno = error;
    return result;
}

int discographer_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return mount(source, target, type, flags, data);
}

int discographer_mount_read_only(const char *target) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return mount_setattr(AT_FDCWD, target, 0, &attributes, sizeof attributes);
}

int discographer_unmount(const char *target, bool detach) { return umount2(target, detach ? MNT_DETACH : 0); }

int discographer_mount_devices(const char *folder) {
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    enum { count = sizeof names / sizeof *names };
    // Opened before the mount, which may hide them.
    int devices[count];
    char path[PATH_MAX];
    for (size_t index = 0; index < count; index++) {
        snprintf(path, sizeof path, "/dev/%s", names[index]);
        devices[index] = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (devices[index] < 0) return -1;
        struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
        if (mount_setattr(devices[index], "", AT_EMPTY_PATH, &read_only, sizeof read_only) < 0) return -1;
    }
    if (mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m") < 0) return -1;
    for (size_t index = 0; index < count; index++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[index]);
        int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
        if (file < 0) return -1;
        close(file);
        if (move_mount(devices[index], "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0) return -1;
        close(devices[index]);
    }
    static const char *const links[][2] = {
        {"/proc/self/fd", "fd"}, {"fd/0", "stdin"}, {"fd/1", "stdout"}, {"fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
    };
    for (size_t index = 0; index < sizeof links / sizeof *links; index++) {
        snprintf(path, sizeof path, "%s/%s", folder, links[index][1]);
        if (symlink(links[index][0], path) < 0) return -1;
    }
    static const struct {
        const char *name;
        mode_t mode;
    } folders[] = {{"shm", 01777}, {"pts", 0755}};
    for (size_t index = 0; index < sizeof folders / sizeof *folders; index++) {
        snprintf(path, sizeof path, "%s/%s", folder, folders[index].name);
        if (mkdir(path, 0755) < 0 || chmod(path, folders[index].mode) < 0) return -1;
    }
    // An instance of its own since Linux 4.7. May fail in a container; terminals are not necessary.
    if (mount("devpts", path, "devpts", MS_NOSUID | MS_NOEXEC, "mode=0600,ptmxmode=0666") < 0 && errno != EPERM) return -1;
    return 0;
}

int discographer_allow_devices(int folder, bool allowed) {
    struct mount_attr attributes = {.attr_set = allowed ? 0 : MOUNT_ATTR_NODEV, .attr_clr = allowed ? MOUNT_ATTR_NODEV : 0};
    return mount_setattr(folder, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}
