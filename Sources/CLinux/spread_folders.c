#include "CLinux.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

#ifndef FS_TOPDIR_FL
#define FS_TOPDIR_FL 0x00020000
#endif

int discographer_spread_folders(int folder) {
    int flags = 0;
    if (ioctl(folder, FS_IOC_GETFLAGS, &flags) < 0) return -1;
    if (flags & FS_TOPDIR_FL) return 0;
    flags |= FS_TOPDIR_FL;
    return ioctl(folder, FS_IOC_SETFLAGS, &flags);
}
