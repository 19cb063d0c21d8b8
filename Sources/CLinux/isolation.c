#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
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

static int set_attributes(int folder, const char *path, uint64_t set, uint64_t cleared, unsigned flags) {
    struct mount_attr attributes = {.attr_set = set, .attr_clr = cleared};
    return mount_setattr(folder, path, flags, &attributes, sizeof attributes);
}

// Makes `path` below a fresh tmpfs at `place`'s first `skip` characters and moves the detached mount there.
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
    return move_mount(tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH);
}

enum { most_paths = 4096 };

static int shorter_first(const void *left, const void *right) {
    size_t first = strlen(*(const char *const *)left), second = strlen(*(const char *const *)right);
    return (first > second) - (first < second);
}

// Copies of the mounts that the process is to see, not attached anywhere; a folder comes before what is below it.
static int keep_trees(const discographer_isolation *isolation, const char *paths[most_paths], int kept[most_paths]) {
    size_t count = isolation->writable_path_count + isolation->readable_path_count;
    if (count > most_paths) {
        errno = E2BIG;
        return -1;
    }
    for (size_t index = 0; index < count; index++)
        paths[index] = index < isolation->writable_path_count ? isolation->writable_paths[index]
                                                              : isolation->readable_paths[index - isolation->writable_path_count];
    qsort(paths, count, sizeof *paths, shorter_first);
    for (size_t index = 0; index < count; index++) {
        kept[index] = open_tree(AT_FDCWD, paths[index], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (kept[index] < 0) return -1;
    }
    return (int)count;
}

static int protect_host(const discographer_isolation *isolation, const char **failed_step) {
    *failed_step = "making the writable folders mounts of their own";
    for (size_t index = 0; index < isolation->writable_path_count; index++) {
        const char *path = isolation->writable_paths[index];
        if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) return -1;
    }
    *failed_step = "making the host's files read-only (mount_setattr)";
    if (set_attributes(AT_FDCWD, "/", MOUNT_ATTR_RDONLY, 0, AT_RECURSIVE) < 0) return -1;
    for (size_t index = 0; index < isolation->writable_path_count; index++)
        if (set_attributes(AT_FDCWD, isolation->writable_paths[index], 0, MOUNT_ATTR_RDONLY, 0) < 0) return -1;
    return 0;
}

// A private /tmp hides what is below it; the folders that the job needs are put back.
static int make_private_folders(const discographer_isolation *isolation, const char **failed_step) {
    *failed_step = "giving the process its own /tmp, /var/tmp and /run";
    const char *paths[most_paths];
    int kept[most_paths];
    int count = keep_trees(isolation, paths, kept);
    if (count < 0) return -1;
    static const char *const private_folders[] = {"/tmp", "/var/tmp", "/run"};
    for (size_t folder = 0; folder < 3; folder++) {
        struct stat status;
        if (lstat(private_folders[folder], &status) < 0 || !S_ISDIR(status.st_mode)) continue;
        if (mount("tmpfs", private_folders[folder], "tmpfs", MS_NOSUID | MS_NODEV, folder == 2 ? "mode=0755" : "mode=1777") < 0) return -1;
        size_t length = strlen(private_folders[folder]);
        for (int index = 0; index < count; index++)
            if (strncmp(paths[index], private_folders[folder], length) == 0 && paths[index][length] == '/' &&
                put_back(kept[index], paths[index], length) < 0)
                return -1;
    }
    for (int index = 0; index < count; index++) close(kept[index]);
    return 0;
}

// The symlinks of a host with merged /usr, on which absolute paths of its programs and libraries rest.
static void copy_links(const char *root) {
    static const char *const names[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        char target[PATH_MAX] = {0}, place[PATH_MAX];
        if (readlink(names[index], target, sizeof target - 1) <= 0) continue;
        snprintf(place, sizeof place, "%s%s", root, names[index]);
        if (symlink(target, place) < 0) continue;
    }
}

// Where the paths lead without symbolic links, and an order in which a folder comes before what is below it. The caller frees the paths.
static int real_paths(const char *const *paths, char *real[most_paths], int order[most_paths], int count) {
    for (int index = 0; index < count; index++) {
        real[index] = realpath(paths[index], NULL);
        if (!real[index]) return -1;
        int place = index;
        for (; place > 0 && strlen(real[order[place - 1]]) > strlen(real[index]); place--) order[place] = order[place - 1];
        order[place] = index;
    }
    return 0;
}

// A link of a folder that is seen leads to where its target was put; elsewhere a path with links gets folders of that name.
static int put_at_links(const char *root, const char *path, const char *real) {
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    int found = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    close(folder);
    if (found >= 0) return close(found);
    char place[PATH_MAX];
    snprintf(place, sizeof place, "%s%s", root, real);
    int tree = open_tree(AT_FDCWD, place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    snprintf(place, sizeof place, "%s%s", root, path);
    int result = put_back(tree, place, strlen(root));
    if (tree >= 0) close(tree);
    return result;
}

static int hide_host(const discographer_isolation *isolation, const char **failed_step) {
    *failed_step = "giving the process a root of its own";
    const char *paths[most_paths];
    int kept[most_paths];
    int count = keep_trees(isolation, paths, kept);
    if (count < 0) return -1;
    // The old root is in sight until the end: names with links in them would lead there.
    char *real[most_paths];
    int order[most_paths];
    if (real_paths(paths, real, order, count) < 0) return -1;
    // A folder that every host has.
    static const char root[] = "/proc";
    const size_t length = sizeof root - 1;
    if (mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0) return -1;
    for (int index = 0; index < count; index++) {
        char place[PATH_MAX];
        snprintf(place, sizeof place, "%s%s", root, real[order[index]]);
        if (put_back(kept[order[index]], place, length) < 0) return -1;
        close(kept[order[index]]);
    }
    copy_links(root);
    for (int index = 0; index < count; index++) {
        if (strcmp(paths[index], real[index]) != 0 && put_at_links(root, paths[index], real[index]) < 0) return -1;
        free(real[index]);
    }
    static const char *const empty[] = {"/proc/proc", "/proc/sys", "/proc/dev", "/proc/tmp", "/proc/run", "/proc/var", "/proc/var/tmp"};
    for (size_t index = 0; index < sizeof empty / sizeof *empty; index++)
        if (mkdir(empty[index], 0755) < 0 && errno != EEXIST) return -1;
    if (discographer_mount_devices("/proc/dev") < 0) return -1;
    // A user namespace may mount these two only while the host's are in sight; and other ones of its own, for the scriptlets, while these are.
    *failed_step = "mounting /sys of the namespace";
    if (mount("sysfs", "/proc/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) < 0) return -1;
    *failed_step = "mounting /proc of the namespace";
    if (mount("proc", "/proc/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return -1;
    *failed_step = "giving the process a root of its own";
    // The working directory becomes the new root, and the old one is on top of it until it is let go (pivot_root(2)).
    if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) return -1;
    return 0;
}

// Maps only the caller, to root. A user without an id in the namespace cannot make files in it (user_namespaces(7)).
static int map_caller(uid_t user, gid_t group) {
    char maps[2][32];
    snprintf(maps[0], sizeof maps[0], "0 %u 1", user);
    snprintf(maps[1], sizeof maps[1], "0 %u 1", group);
    const char *const files[][2] = {{"setgroups", "deny"}, {"uid_map", maps[0]}, {"gid_map", maps[1]}};
    for (size_t index = 0; index < sizeof files / sizeof *files; index++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/%s", files[index][0]);
        int file = open(path, O_WRONLY | O_CLOEXEC);
        if (file < 0) return -1;
        ssize_t length = (ssize_t)strlen(files[index][1]), written = write(file, files[index][1], length);
        close(file);
        if (written != length) return -1;
    }
    return 0;
}

int discographer_isolate(discographer_isolation *isolation, int lifeline, const char **failed_step) {
    uid_t user = geteuid();
    gid_t group = getegid();
    int namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (isolation->new_network_namespace) namespaces |= CLONE_NEWNET;
    if (isolation->new_user_namespace) namespaces |= CLONE_NEWUSER;
    *failed_step = "entering namespaces (unshare)";
    if (unshare(namespaces) < 0) return -1;
    if (isolation->new_user_namespace && map_caller(user, group) < 0) return -1;

    *failed_step = "starting the isolated process (fork)";
    // The monitor keeps its end of the pipe until it dies. getppid(2) cannot tell: a parent outside the pid namespace is always 0.
    int alive[2];
    if (pipe2(alive, O_CLOEXEC) < 0) return -1;
    pid_t child = fork();
    if (child < 0) return -1;
    if (child > 0) monitor(child, lifeline);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return -1;
    // A monitor that died before this line sends no signal.
    close(alive[1]);
    struct pollfd parent = {.fd = alive[0]};
    if (poll(&parent, 1, 0) != 0) _exit(128 + SIGKILL);
    close(alive[0]);
    // What this process starts must not read the lifeline.
    if (lifeline == STDIN_FILENO) {
        *failed_step = "opening /dev/null";
        int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) return -1;
        close(nothing);
    }
    *failed_step = "keeping mounts to the namespace";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
    if (isolation->hostname) {
        *failed_step = "setting the host name";
        if (sethostname(isolation->hostname, strlen(isolation->hostname)) < 0 || setdomainname("(none)", 6) < 0) return -1;
    }
    // A copy of the mount that is attached nowhere: nothing that this process starts finds it.
    isolation->kept_descriptor =
        isolation->kept_folder ? open_tree(AT_FDCWD, isolation->kept_folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) : -1;
    if ((isolation->read_only_host || isolation->hidden_host) && protect_host(isolation, failed_step) < 0) return -1;
    if (isolation->hidden_host && hide_host(isolation, failed_step) < 0) return -1;
    if (isolation->read_only_host && !isolation->hidden_host && make_private_folders(isolation, failed_step) < 0) return -1;
    *failed_step = "mounting /proc of the namespace";
    if (!isolation->hidden_host && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return -1;
    return 0;
}
