// uname(2) as all build hosts answer it: seccomp hands the call to a thread of the worker, which writes the answer (seccomp_unotify(2)). The thread allocates no
// memory and takes no lock of a library, since librpm forks while it runs.
#define _GNU_SOURCE
#include "CLinux.h"
#include "constant_uname.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

static struct utsname answer;
static atomic_int listener = -1;
/// Wakes the thread when there is a listener.
static int wake = -1;

// All that the thread needs: to write into processes of other users, and into those that cannot be dumped.
static void keep_only_ptrace(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) < 0) return;
    for (int word = 0; word < _LINUX_CAPABILITY_U32S_3; word++) {
        __u32 kept = word == CAP_SYS_PTRACE / 32 ? 1u << (CAP_SYS_PTRACE % 32) : 0;
        data[word].effective = data[word].permitted &= kept;
        data[word].inheritable = 0;
    }
    syscall(SYS_capset, &header, data);
}

static void reply(int descriptor) {
    struct seccomp_notif request = {0};
    // ENOENT: the caller was killed meanwhile.
    if (ioctl(descriptor, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) return;
    struct seccomp_notif_resp response = {.id = request.id};
    struct iovec from = {.iov_base = &answer, .iov_len = sizeof answer};
    struct iovec to = {.iov_base = (void *)request.data.args[0], .iov_len = sizeof answer};
    // The number could be another process's already if the caller is gone.
    if (ioctl(descriptor, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) == 0 &&
        process_vm_writev((pid_t)request.pid, &from, 1, &to, 1, 0) != (ssize_t)sizeof answer) {
        if (errno == EPERM)
            response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        else
            response.error = -EFAULT;
    }
    ioctl(descriptor, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void *keep_replying(void *unused) {
    (void)unused;
    keep_only_ptrace();
    uint64_t count;
    while (read(wake, &count, sizeof count) < 0 && errno == EINTR) {}
    for (int descriptor = atomic_load(&listener); descriptor >= 0;) {
        struct pollfd poll_descriptor = {.fd = descriptor, .events = POLLIN};
        if (poll(&poll_descriptor, 1, -1) > 0 && poll_descriptor.revents & POLLIN) reply(descriptor);
    }
    return NULL;
}

void discographer_set_kernel_release(const char *release) {
    memset(answer.release, 0, sizeof answer.release);
    strncpy(answer.release, release, sizeof answer.release - 1);
}

int discographer_prepare_constant_uname(void) {
    if (uname(&answer) < 0) return -1;
    memset(answer.version, 0, sizeof answer.version);
    strcpy(answer.version, DISCOGRAPHER_KERNEL_VERSION);
    discographer_set_kernel_release(DISCOGRAPHER_KERNEL_RELEASE);
    wake = eventfd(0, EFD_CLOEXEC);
    if (wake < 0) return -1;
    // Signals must go to librpm's thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, keep_replying, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return error == 0 ? 0 : -1;
}

bool discographer_uname_is_constant(void) { return atomic_load(&listener) >= 0; }

bool discographer_uname_is_prepared(void) { return wake >= 0; }

void discographer_start_constant_uname(int descriptor) {
    atomic_store(&listener, descriptor);
    uint64_t count = 1;
    while (write(wake, &count, sizeof count) < 0 && errno == EINTR) {}
}
