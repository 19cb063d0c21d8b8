// libguestfs for Swift, loaded only when a disk is written with it: loading its forty libraries in every worker process took 16 ms of processor time at the
// start instead of 5, and the other disk writers do not need it.
//
// Each function stands for the one of libguestfs that it is named after (guestfs(3)). The library's own header is not needed: its package
// brings a hundred others, a third of all that a new build host would have to install.
#pragma once

typedef struct guestfs_h guestfs_h;

#define GUESTFS_CREATE_NO_ENVIRONMENT   (1 << 0)
#define GUESTFS_CREATE_NO_CLOSE_ON_EXIT (1 << 1)

/// Must succeed, on one thread, before any other function of this header is called. Returns NULL, or an error message with static lifetime.
const char *discographer_guestfs_load(void);

guestfs_h *discographer_guestfs_create_flags(unsigned flags);
void discographer_guestfs_close(guestfs_h *handle);
const char *discographer_guestfs_last_error(guestfs_h *handle);
/// Turns off the library's error handler, which prints. `discographer_guestfs_last_error` has the errors.
void discographer_guestfs_print_no_errors(guestfs_h *handle);
int discographer_guestfs_set_backend(guestfs_h *handle, const char *backend);
int discographer_guestfs_set_backend_setting(guestfs_h *handle, const char *name, const char *value);
int discographer_guestfs_set_tmpdir(guestfs_h *handle, const char *folder);
int discographer_guestfs_set_cachedir(guestfs_h *handle, const char *folder);
int discographer_guestfs_set_memsize(guestfs_h *handle, int megabytes);
int discographer_guestfs_set_autosync(guestfs_h *handle, int autosync);
/// guestfs_add_drive_opts(3) of a raw image, without flushing it: its content is not needed if this process dies.
int discographer_guestfs_add_raw_drive(guestfs_h *handle, const char *path);
int discographer_guestfs_launch(guestfs_h *handle);
int discographer_guestfs_mkdir_p(guestfs_h *handle, const char *path);
int discographer_guestfs_mount_options(guestfs_h *handle, const char *options, const char *device, const char *place);
/// guestfs_tar_in_opts(3) with extended attributes.
int discographer_guestfs_tar_in_with_attributes(guestfs_h *handle, const char *tar, const char *folder);
int discographer_guestfs_lsetxattr(guestfs_h *handle, const char *name, const char *value, int length, const char *path);
int discographer_guestfs_umount_all(guestfs_h *handle);
int discographer_guestfs_shutdown(guestfs_h *handle);
