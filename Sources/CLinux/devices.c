#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

// Between LOOP_CTL_GET_FREE and LOOP_CONFIGURE another process may take the same device.
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

int discographer_unmount(const char *target, bool detach) { return umount2(target, detach ? MNT_DETACH : 0); }
