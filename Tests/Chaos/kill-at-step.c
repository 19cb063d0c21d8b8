// Preloaded (LD_PRELOAD) into discographer: SIGKILL before the N-th call that changes a file system, counted from the moment in which a publication begins.
//
//   KILL_AT_STEP=N       0: none; the number of calls so far is written to KILL_STEPS_FILE before each
//   KILL_NO_EXCHANGE=1   as on a file system that does not know RENAME_EXCHANGE
//
// A publication begins when `artefacts.new.*` is made. Threads share the count; strace(1) would count for each thread alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int has_begun, steps;
// The next `syscall`; found at its first use, which may come before any constructor of this library.
#define kernel (*(long (*)(long, ...))dlsym(RTLD_NEXT, "syscall"))

// Straight to the kernel: these calls are not counted themselves.
static void step(const char *call, const char *path) {
    if (path && strstr(path, "/artefacts.new.")) has_begun = 1;
    if (!has_begun) return;
    int number = ++steps;
    const char *at = getenv("KILL_AT_STEP"), *file = getenv("KILL_STEPS_FILE");
    if (file) {
        char line[512];
        int length = snprintf(line, sizeof line, "%d %s %.400s\n", number, call, path ? path : "");
        int descriptor = (int)kernel(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        kernel(SYS_write, descriptor, line, length);
        kernel(SYS_close, descriptor);
    }
    if (at && atoi(at) == number) {
        kill(getpid(), SIGKILL);
        pause();
    }
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int mkdir(const char *path, mode_t mode) { REAL(mkdir); step("mkdir", path); return real(path, mode); }
int link(const char *path, const char *target) { REAL(link); step("link", target); return real(path, target); }
int rename(const char *path, const char *target) { REAL(rename); step("rename", target); return real(path, target); }
int symlink(const char *text, const char *path) { REAL(symlink); step("symlink", path); return real(text, path); }
int unlink(const char *path) { REAL(unlink); step("unlink", path); return real(path); }
int unlinkat(int folder, const char *path, int flags) { REAL(unlinkat); step("unlinkat", path); return real(folder, path, flags); }
int fsync(int file) { REAL(fsync); step("fsync", NULL); return real(file); }
int syncfs(int file) { REAL(syncfs); step("syncfs", NULL); return real(file); }

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(write);
    struct stat status;
    // Not what is told to people.
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode)) step("write", NULL);
    return real(file, bytes, count);
}

int open(const char *path, int flags, ...) {
    REAL(open);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if (flags & O_CREAT) step("open", path);
    return real(path, flags, mode);
}

long syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long words[6];
    for (int i = 0; i < 6; i++) words[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_renameat2) {
        step("renameat2", (const char *)words[3]);
        if (getenv("KILL_NO_EXCHANGE") && words[4] & RENAME_EXCHANGE) {
            errno = EINVAL;
            return -1;
        }
    }
    return kernel(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}
