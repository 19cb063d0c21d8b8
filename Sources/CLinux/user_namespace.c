#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { most_words = 256 };

static int succeeds(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int write_map(const char *pid, const char *kind, const char *map) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, kind);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return 0;
    // The kernel accepts the map only in one write.
    ssize_t written = write(file, map, strlen(map));
    close(file);
    return written == (ssize_t)strlen(map);
}

static int run_mapper(const char *const *words, const char *pid) {
    pid_t child = fork();
    if (child < 0) return 0;
    if (child > 0) return succeeds(child);
    const char *command[most_words] = {words[0], pid};
    for (size_t index = 1; words[index] && index + 2 < most_words; index++) command[index + 1] = words[index];
    char *const environment[] = {NULL};
    execve(command[0], (char *const *)command, environment);
    _exit(127);
}

// Runs outside the new namespace, since only there can its maps be written.
static void map(const discographer_id_maps *maps, pid_t process, int ready) {
    char pid[32], byte;
    snprintf(pid, sizeof pid, "%d", (int)process);
    ssize_t count;
    while ((count = read(ready, &byte, 1)) < 0 && errno == EINTR) {}
    if (count != 1) _exit(1);
    if (maps->uid_mapper) _exit(run_mapper(maps->uid_mapper, pid) && run_mapper(maps->gid_mapper, pid) ? 0 : 1);
    _exit(write_map(pid, "uid_map", maps->uid_map) && write_map(pid, "gid_map", maps->gid_map) ? 0 : 1);
}

int discographer_enter_user_namespace(const discographer_id_maps *maps, const char **failed_step) {
    int ready[2];
    *failed_step = DISCOGRAPHER_STEP_FORK;
    if (pipe2(ready, O_CLOEXEC) < 0) return -1;
    pid_t self = getpid(), mapper = fork();
    if (mapper < 0) return -1;
    if (mapper == 0) {
        close(ready[1]);
        map(maps, self, ready[0]);
    }
    close(ready[0]);
    int entered = unshare(CLONE_NEWUSER), error = errno;
    ssize_t told = entered == 0 ? write(ready[1], "", 1) : 0;
    close(ready[1]);
    int mapped = succeeds(mapper);
    if (entered < 0) {
        *failed_step = DISCOGRAPHER_STEP_UNSHARE;
        errno = error;
        return -1;
    }
    *failed_step = DISCOGRAPHER_STEP_MAP;
    if (told != 1 || !mapped) {
        errno = EPERM;
        return -1;
    }
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) return -1;
    return 0;
}

int discographer_probe_namespaces(const char **failed_step) {
    int results[2];
    *failed_step = DISCOGRAPHER_STEP_FORK;
    if (pipe2(results, O_CLOEXEC) < 0) return -1;
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        int result[2] = {0, 0};
        char name[HOST_NAME_MAX + 1];
        if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
            result[0] = 1;
            result[1] = errno;
        } else if (gethostname(name, sizeof name) < 0 || sethostname(name, strnlen(name, sizeof name)) < 0) {
            result[0] = 3;
            result[1] = errno;
        } else {
            pid_t inner = fork();
            if (inner == 0) _exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? 1 : 0);
            if (inner < 0 || !succeeds(inner)) {
                result[0] = 2;
                result[1] = EPERM;
            }
        }
        ssize_t written = write(results[1], result, sizeof result);
        _exit(written == sizeof result ? 0 : 1);
    }
    close(results[1]);
    int result[2] = {1, EPERM};
    ssize_t count;
    while ((count = read(results[0], result, sizeof result)) < 0 && errno == EINTR) {}
    close(results[0]);
    succeeds(child);
    if (count == sizeof result && result[0] == 0) return 0;
    *failed_step = result[0] == 3 ? DISCOGRAPHER_STEP_HOSTNAME : result[0] == 2 ? DISCOGRAPHER_STEP_PROC : DISCOGRAPHER_STEP_MOUNT;
    errno = result[1];
    return -1;
}
