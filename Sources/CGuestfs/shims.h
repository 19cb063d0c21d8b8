// libguestfs for Swift: the header, and shims for what Swift cannot import (variadic functions).
#pragma once
#include <guestfs.h>

static inline guestfs_h *guestfs_create_flags_values(unsigned flags) { return guestfs_create_flags(flags); }

static inline int guestfs_add_raw_drive(guestfs_h *handle, const char *path) {
    return guestfs_add_drive_opts(handle, path, GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw", GUESTFS_ADD_DRIVE_OPTS_CACHEMODE, "unsafe", -1);
}

static inline int guestfs_tar_in_with_attributes(guestfs_h *handle, const char *tar, const char *directory) {
    return guestfs_tar_in_opts(handle, tar, directory, GUESTFS_TAR_IN_OPTS_XATTRS, 1, -1);
}
