// libguestfs for Swift, loaded when a disk is written with it and not before: with it and its family of forty libraries
// the start of every worker process took 16 ms of processor time instead of 5, and the other ways to write disks do without it.
//
// Each function stands for the one of libguestfs that it is named after (guestfs(3)). The library's own header is not needed: its package
// brings a hundred others, a third of all that a new build host would have to install.
#pragma once

typedef struct guestfs_h guestfs_h;

#define GUESTFS_CREATE_NO_ENVIRONMENT   (1 << 0)
#define GUESTFS_CREATE_NO_CLOSE_ON_EXIT (1 << 1)

/// Must succeed before any other function of this header is called, on one thread. NULL when all is well, else what is wrong, in words that last.
const char *discographer_guestfs_load(void);

guestfs_h *discographer_guestfs_create_flags(unsigned flags);
void discographer_guestfs_close(guestfs_h *handle);
const char *discographer_guestfs_last_error(guestfs_h *handle);
/// Errors are told by `discographer_guestfs_last_error` alone: the library's own handler prints them.
void discographer_guestfs_print_no_errors(guestfs_h *handle);
int discographer_guestfs_set_backend(guestfs_h *handle, const char *backend);
int discographer_guestfs_set_backend_setting(guestfs_h *handle, const char *name, const char *value);
int discographer_guestfs_set_tmpdir(guestfs_h *handle, const char *folder);
int discographer_guestfs_set_cachedir(guestfs_h *handle, const char *folder);
int discographer_guestfs_set_memsize(guestfs_h *handle, int megabytes);
int discographer_guestfs_set_autosync(guestfs_h *handle, int autosync);
/// guestfs_add_drive_opts(3) of a raw image whose content nobody needs when this process dies.
int discographer_guestfs_add_raw_drive(guestfs_h *handle, const char *path);
int discographer_guestfs_launch(guestfs_h *handle);
int discographer_guestfs_mkdir_p(guestfs_h *handle, const char *path);
int discographer_guestfs_mount_options(guestfs_h *handle, const char *options, const char *device, const char *place);
/// guestfs_tar_in_opts(3) with extended attributes.
int discographer_guestfs_tar_in_with_attributes(guestfs_h *handle, const char *tar, const char *folder);
int discographer_guestfs_lsetxattr(guestfs_h *handle, const char *name, const char *value, int length, const char *path);
int discographer_guestfs_umount_all(guestfs_h *handle);
int discographer_guestfs_shutdown(guestfs_h *handle);
