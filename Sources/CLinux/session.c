#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *root, char *const *command, char *const *environment) {
    // Undo what the caller or its shell has set.
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // The command must not inherit the lock of the machine's cache.
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (chroot(root) < 0 || chdir("/") < 0) {
        fprintf(stderr, "discographer: entering the root: %s\n", strerror(errno));
        _exit(126);
    }
    if (command[0]) {
        execvpe(command[0], command, environment);
        fprintf(stderr, "discographer: %s: %s\n", command[0], strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
    }
    static char *const shells[][2] = {{"/bin/bash", NULL}, {"/bin/sh", NULL}};
    for (size_t index = 0; index < sizeof shells / sizeof *shells; index++) execve(shells[index][0], shells[index], environment);
    fprintf(stderr, "discographer: the root does not have /bin/bash or /bin/sh: %s\n", strerror(errno));
    _exit(127);
}

int discographer_own_root(void) { return unshare(CLONE_FS); }

int discographer_run_in_root(const char *root, char *const *command, char *const *environment) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) become(root, command, environment);
    for (;;) {
        int status = 0;
        // Orphans become children of this process, since it is the first of its PID namespace.
        pid_t ended = waitpid(-1, &status, 0);
        if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (ended < 0 && errno != EINTR) return -1;
    }
}
