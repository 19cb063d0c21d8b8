// Calls libguestfs through pointers that dlsym(3) finds.
#include "CGuestfs.h"

#if __has_include(<guestfs.h>)
#include <guestfs.h>
#endif

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

// The SONAME of every libguestfs since 1.0 (guestfs(3), STABLE VERSIONS AND DEVELOPMENT VERSIONS).
static const char library_name[] = "libguestfs.so.0";

// The functions that are called: name without guestfs_, result, arguments.
#define FUNCTIONS(of) \
    of(create_flags, guestfs_h *, unsigned, ...) \
    of(close, void, guestfs_h *) \
    of(last_error, const char *, guestfs_h *) \
    of(set_error_handler, void, guestfs_h *, void (*)(guestfs_h *, void *, const char *), void *) \
    of(set_backend, int, guestfs_h *, const char *) \
    of(set_backend_setting, int, guestfs_h *, const char *, const char *) \
    of(set_tmpdir, int, guestfs_h *, const char *) \
    of(set_cachedir, int, guestfs_h *, const char *) \
    of(set_memsize, int, guestfs_h *, int) \
    of(set_autosync, int, guestfs_h *, int) \
    of(add_drive_opts, int, guestfs_h *, const char *, ...) \
    of(launch, int, guestfs_h *) \
    of(mkdir_p, int, guestfs_h *, const char *) \
    of(mount_options, int, guestfs_h *, const char *, const char *, const char *) \
    of(tar_in_opts, int, guestfs_h *, const char *, const char *, ...) \
    of(lsetxattr, int, guestfs_h *, const char *, const char *, int, const char *) \
    of(umount_all, int, guestfs_h *) \
    of(shutdown, int, guestfs_h *)

// Optional arguments, which go before their values; -1 ends the list (guestfs(3), CALLS WITH OPTIONAL ARGUMENTS).
enum { drive_format = 1, drive_cache_mode = 9, tar_extended_attributes = 1 };

#define MEMBER(name, result, ...) result (*name)(__VA_ARGS__);
static struct { FUNCTIONS(MEMBER) } guestfs;

// Where the library's header is, as on hosts that run the tests, it must agree.
#ifdef GUESTFS_HAVE_CREATE_FLAGS
#define AGREES(name, ...) _Static_assert(__builtin_types_compatible_p(__typeof__(*guestfs.name), __typeof__(guestfs_##name)), #name);
FUNCTIONS(AGREES)
_Static_assert(
    drive_format == GUESTFS_ADD_DRIVE_OPTS_FORMAT && drive_cache_mode == GUESTFS_ADD_DRIVE_OPTS_CACHEMODE &&
        tar_extended_attributes == GUESTFS_TAR_IN_OPTS_XATTRS,
    "optional arguments");
#endif

const char *discographer_guestfs_load(void) {
    static char problem[512];
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(problem, sizeof problem, "libguestfs cannot be loaded: %s", dlerror());
        return problem;
    }
#define PLACE(name, ...) {"guestfs_" #name, (void **)&guestfs.name},
    const struct {
        const char *name;
        void **place;
    } functions[] = {FUNCTIONS(PLACE)};
    for (size_t index = 0; index < sizeof functions / sizeof *functions; index++)
        if (!(*functions[index].place = dlsym(library, functions[index].name))) {
            snprintf(problem, sizeof problem, "libguestfs is too old: %s", dlerror());
            return problem;
        }
    return NULL;
}

guestfs_h *discographer_guestfs_create_flags(unsigned flags) { return guestfs.create_flags(flags); }

void discographer_guestfs_close(guestfs_h *handle) { guestfs.close(handle); }

const char *discographer_guestfs_last_error(guestfs_h *handle) { return guestfs.last_error(handle); }

void discographer_guestfs_print_no_errors(guestfs_h *handle) { guestfs.set_error_handler(handle, NULL, NULL); }

int discographer_guestfs_set_backend(guestfs_h *handle, const char *backend) { return guestfs.set_backend(handle, backend); }

int discographer_guestfs_set_backend_setting(guestfs_h *handle, const char *name, const char *value) {
    return guestfs.set_backend_setting(handle, name, value);
}

int discographer_guestfs_set_tmpdir(guestfs_h *handle, const char *folder) { return guestfs.set_tmpdir(handle, folder); }

int discographer_guestfs_set_cachedir(guestfs_h *handle, const char *folder) { return guestfs.set_cachedir(handle, folder); }

int discographer_guestfs_set_memsize(guestfs_h *handle, int megabytes) { return guestfs.set_memsize(handle, megabytes); }

int discographer_guestfs_set_autosync(guestfs_h *handle, int autosync) { return guestfs.set_autosync(handle, autosync); }

int discographer_guestfs_add_raw_drive(guestfs_h *handle, const char *path) {
    return guestfs.add_drive_opts(
        handle, path, drive_format, "raw", drive_cache_mode, "unsafe", -1);
}

int discographer_guestfs_launch(guestfs_h *handle) { return guestfs.launch(handle); }

int discographer_guestfs_mkdir_p(guestfs_h *handle, const char *path) { return guestfs.mkdir_p(handle, path); }

int discographer_guestfs_mount_options(guestfs_h *handle, const char *options, const char *device, const char *place) {
    return guestfs.mount_options(handle, options, device, place);
}

int discographer_guestfs_tar_in_with_attributes(guestfs_h *handle, const char *tar, const char *folder) {
    return guestfs.tar_in_opts(handle, tar, folder, tar_extended_attributes, 1, -1);
}

int discographer_guestfs_lsetxattr(guestfs_h *handle, const char *name, const char *value, int length, const char *path) {
    return guestfs.lsetxattr(handle, name, value, length, path);
}

int discographer_guestfs_umount_all(guestfs_h *handle) { return guestfs.umount_all(handle); }

int discographer_guestfs_shutdown(guestfs_h *handle) { return guestfs.shutdown(handle); }
