#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The monitor: single-threaded, so PR_SET_PDEATHSIG in its child fires on its death and on nothing else.
static void monitor(pid_t child, int lifeline) {
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd watched[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = lifeline, .events = 0}};
    for (;;) {
        if (pidfd < 0) break;
        if (poll(watched, 2, -1) < 0 && errno != EINTR) break;
        if (watched[1].revents & (POLLHUP | POLLERR | POLLNVAL)) kill(child, SIGKILL);
        if (watched[0].revents & POLLIN) break;
        if (watched[1].revents) watched[1].fd = -1;
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// No libc wrapper takes a NULL-safe short form of this.
static int set_read_only(const char *path, bool read_only, bool recursive) {
    struct mount_attr attributes = {0};
    if (read_only)
        attributes.attr_set = MOUNT_ATTR_RDONLY;
    else
        attributes.attr_clr = MOUNT_ATTR_RDONLY;
    return mount_setattr(AT_FDCWD, path, recursive ? AT_RECURSIVE : 0, &attributes, sizeof attributes);
}

// Makes `path` below a fresh tmpfs and moves the detached mount there; `skip` is the length of the tmpfs's own path.
static int put_back(int tree, const char *path, size_t skip) {
    struct stat status;
    if (tree < 0 || fstat(tree, &status) < 0) return -1;
    char place[PATH_MAX];
    snprintf(place, sizeof place, "%s", path);
    for (char *slash = place + skip + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(place, 0755);
    }
    if (S_ISDIR(status.st_mode)) {
        mkdir(place, 0755);
    } else {
        int file = open(place, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        if (file >= 0) close(file);
    }
    return (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH);
}

static int protect_host(const discographer_isolation *isolation, const char **failed_step) {
    *failed_step = "making the writable folders mounts of their own";
    for (size_t index = 0; index < isolation->writable_path_count; index++) {
        const char *path = isolation->writable_paths[index];
        if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) return -1;
    }
    *failed_step = "making the host's files read-only (mount_setattr)";
    if (set_read_only("/", true, true) < 0) return -1;
    for (size_t index = 0; index < isolation->writable_path_count; index++)
        if (set_read_only(isolation->writable_paths[index], false, false) < 0) return -1;
    // A private /tmp hides what is below it; the folders that the job needs are put back.
    enum { most = 4096 };
    size_t count = isolation->writable_path_count + isolation->readable_path_count;
    if (count > most) {
        errno = E2BIG;
        return -1;
    }
    const char *paths[most];
    int kept[most];
    for (size_t index = 0; index < count; index++) {
        paths[index] = index < isolation->writable_path_count ? isolation->writable_paths[index]
                                                              : isolation->readable_paths[index - isolation->writable_path_count];
        kept[index] = (int)syscall(SYS_open_tree, AT_FDCWD, paths[index], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    }
    static const char *const private_folders[] = {"/tmp", "/var/tmp", "/run"};
    *failed_step = "giving the process its own /tmp, /var/tmp and /run";
    for (size_t folder = 0; folder < 3; folder++) {
        struct stat status;
        if (lstat(private_folders[folder], &status) < 0 || !S_ISDIR(status.st_mode)) continue;
        if (mount("tmpfs", private_folders[folder], "tmpfs", MS_NOSUID | MS_NODEV, folder == 2 ? "mode=0755" : "mode=1777") < 0) return -1;
        size_t length = strlen(private_folders[folder]);
        for (size_t index = 0; index < count; index++)
            if (strncmp(paths[index], private_folders[folder], length) == 0 && paths[index][length] == '/' &&
                put_back(kept[index], paths[index], length) < 0)
                return -1;
    }
    for (size_t index = 0; index < count; index++)
        if (kept[index] >= 0) close(kept[index]);
    return 0;
}

int discographer_isolate(const discographer_isolation *isolation, int lifeline, const char **failed_step) {
    int namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    if (isolation->new_network_namespace) namespaces |= CLONE_NEWNET;
    if (isolation->new_user_namespace) namespaces |= CLONE_NEWUSER;
    *failed_step = "entering namespaces (unshare)";
    if (unshare(namespaces) < 0) return -1;

    *failed_step = "starting the isolated process (fork)";
    pid_t child = fork();
    if (child < 0) return -1;
    if (child > 0) monitor(child, lifeline);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return -1;
    *failed_step = "keeping mounts to the namespace";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
    if (isolation->hostname) {
        *failed_step = "setting the host name";
        if (sethostname(isolation->hostname, strlen(isolation->hostname)) < 0) return -1;
    }
    if (isolation->read_only_host && protect_host(isolation, failed_step) < 0) return -1;
    *failed_step = "mounting /proc of the namespace";
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return -1;
    return 0;
}
