// The watch over scriptlets: a thread of the worker that checks their limits while one runs, and kills those that exceed them. It allocates no memory and takes no
// lock of a library, since librpm forks while it runs.
#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    discographer_watch_limits limits;
    int processes;
    bool watching;
    struct timespec begin;
    const char *timeout_message;
    size_t timeout_message_length;
    unsigned verdict;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER, .processes = -1};

static const long tick = 50 * 1000 * 1000;
// How much is kept of the beginning and of the end of an output that is too long.
static const off_t kept_output = 1 << 20;

struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static unsigned count_processes(void) {
    char buffer[16384];
    unsigned count = 0;
    if (lseek(watch.processes, 0, SEEK_SET) < 0) return 0;
    for (long got; (got = syscall(SYS_getdents64, watch.processes, buffer, sizeof buffer)) > 0;)
        for (long at = 0; at < got; at += ((struct entry *)(buffer + at))->length) {
            char first = ((struct entry *)(buffer + at))->name[0];
            count += first >= '1' && first <= '9';
        }
    return count;
}

static void bound_output(void) {
    struct stat status;
    if (fstat(watch.limits.output, &status) < 0 || (int64_t)status.st_blocks * 512 <= watch.limits.most_output) return;
    fallocate(watch.limits.output, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kept_output, status.st_size - 2 * kept_output);
}

static double seconds_since_begin(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - watch.begin.tv_sec) + (double)(now.tv_nsec - watch.begin.tv_nsec) / 1e9;
}

static void look(void) {
    bound_output();
    double seconds = seconds_since_begin();
    // The count includes this process.
    if (count_processes() > watch.limits.most_processes + 1) watch.verdict |= DISCOGRAPHER_WATCH_PROCESSES;
    if (watch.limits.seconds > 0 && seconds > watch.limits.seconds) watch.verdict |= DISCOGRAPHER_WATCH_TIME;
    if (watch.verdict == 0) return;
    // Kills everything but this process, which is the first of its PID namespace. A fork in progress does not escape, since it fails when a signal is pending
    // (fork(2)).
    kill(-1, SIGKILL);
    // If the scriptlet still runs after that, it is a Lua scriptlet in this very process.
    double patience = 2;
    if (watch.limits.seconds > 0 && seconds > watch.limits.seconds + patience) {
        for (size_t done = 0; done < watch.timeout_message_length;) {
            ssize_t count = write(watch.limits.messages, watch.timeout_message + done, watch.timeout_message_length - done);
            if (count < 0 && errno != EINTR) break;
            if (count > 0) done += (size_t)count;
        }
        _exit(1);
    }
}

static void *keep_watch(void *unused) {
    (void)unused;
    pthread_mutex_lock(&watch.lock);
    for (;;) {
        while (!watch.watching) pthread_cond_wait(&watch.changed, &watch.lock);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += tick;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        int result = 0;
        while (watch.watching && result == 0) result = pthread_cond_timedwait(&watch.changed, &watch.lock, &until);
        if (watch.watching) look();
    }
    return NULL;
}

int discographer_watch_start(const discographer_watch_limits *limits) {
    watch.limits = *limits;
    watch.processes = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (watch.processes < 0) return -1;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch.changed, &attributes);
    // Signals must go to librpm's thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, keep_watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return error == 0 ? 0 : -1;
}

void discographer_watch_begin(const char *timeout_message, size_t length) {
    // librpm closes descriptors for scriptlets that it starts, but not for programs that Lua starts.
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    pthread_mutex_lock(&watch.lock);
    clock_gettime(CLOCK_MONOTONIC, &watch.begin);
    watch.timeout_message = timeout_message;
    watch.timeout_message_length = length;
    watch.verdict = 0;
    watch.watching = true;
    pthread_cond_signal(&watch.changed);
    pthread_mutex_unlock(&watch.lock);
}

unsigned discographer_watch_end(void) {
    pthread_mutex_lock(&watch.lock);
    watch.watching = false;
    pthread_cond_signal(&watch.changed);
    unsigned verdict = watch.verdict;
    pthread_mutex_unlock(&watch.lock);
    return verdict;
}
