// Limits what a process that runs packages' scriptlets, and everything that it starts, can do through the kernel. What is left is root over the files of the
// installroot, but not over the host's kernel.
#define _GNU_SOURCE
#include "CLinux.h"
#include "constant_uname.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// The capabilities(7) that are kept. All others are dropped: SYS_ADMIN (mounts; only this process keeps it, for its own unmounts), SYS_MODULE, SYS_BOOT, SYS_TIME,
// SYS_RAWIO, SYS_PTRACE, NET_ADMIN (iptables(8) loads modules), DAC_READ_SEARCH (open_by_handle_at(2) reaches the whole file system that the root is on),
// LINUX_IMMUTABLE (the cache could not be cleaned), ...
static const int kept_capabilities[] = {
    // For the files that librpm writes, with many owners, setuid bits, devices and capabilities.
    CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP,
    // For librpm's chroot, and for ldconfig -r and setpriv(1) in scriptlets.
    CAP_SYS_CHROOT, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
    // For their own loopback. A program such as ping, whose file capabilities include these, could not be started without them.
    CAP_NET_BIND_SERVICE, CAP_NET_RAW,
};

static int drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) < 0) return -1;
    __u32 kept[_LINUX_CAPABILITY_U32S_3] = {0};
    // Not inherited: programs that this process starts get what the bounding set leaves.
    __u32 own[_LINUX_CAPABILITY_U32S_3] = {[CAP_SYS_ADMIN / 32] = 1u << (CAP_SYS_ADMIN % 32)};
    for (size_t index = 0; index < sizeof kept_capabilities / sizeof *kept_capabilities; index++)
        kept[kept_capabilities[index] / 32] |= 1u << (kept_capabilities[index] % 32);
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
        bool is_kept = capability / 32 < _LINUX_CAPABILITY_U32S_3 && kept[capability / 32] & 1u << (capability % 32);
        if (!is_kept && prctl(PR_CAPBSET_DROP, capability) < 0) return -1;
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -1;
    for (int word = 0; word < _LINUX_CAPABILITY_U32S_3; word++) {
        data[word].effective = data[word].permitted &= kept[word] | own[word];
        data[word].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &header, data);
}

/// Loads the filter. `answers_uname`: uname(2) goes to the thread of constant_uname.c.
static int load_filter(bool answers_uname) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter) {
        errno = ENOMEM;
        return -1;
    }
    // System calls of other ABIs (x32) fail as if missing, so that programs fall back.
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (error == 0) error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
#ifdef __x86_64__
    if (error == 0) error = seccomp_arch_add(filter, SCMP_ARCH_X86);
#endif
    // Root's keyrings are the host's. The others are ways into the kernel that scriptlets do not need.
    static const int missing[] = {
        SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(bpf), SCMP_SYS(perf_event_open),
        SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
        SCMP_SYS(fanotify_init), SCMP_SYS(open_by_handle_at), SCMP_SYS(kcmp),
    };
    for (size_t index = 0; error == 0 && index < sizeof missing / sizeof *missing; index++)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), missing[index], 0);
    // Waiting for the disk succeeds at once, as with systemd-nspawn's --suppress-sync. A stage's result is used only when it is complete, so unfinished work
    // need not survive a power cut, and sync(2) would wait for all of the host's file systems. The demo's scriptlets call these 130 times.
    static const int waiting[] = {
        SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync), SCMP_SYS(syncfs), SCMP_SYS(sync_file_range), SCMP_SYS(msync),
    };
    for (size_t index = 0; error == 0 && index < sizeof waiting / sizeof *waiting; index++)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(0), waiting[index], 0);
    // The kernel's log is the host's.
    if (error == 0) error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(syslog), 0);
    // The kernel would load the module of another socket family without asking for a privilege. The audit log is the host's; libaudit treats this error as a
    // kernel without audit.
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
    for (int family = AF_INET + 1; error == 0 && family < AF_NETLINK; family++)
        if (family != AF_INET6)
            error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                                 SCMP_A2(SCMP_CMP_EQ, NETLINK_AUDIT));
    // Would type into the terminal of the user of `discographer shell`.
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI));
    if (error == 0 && answers_uname) error = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(uname), 0);
    if (error == 0) error = seccomp_load(filter);
    if (error == 0 && answers_uname) discographer_start_constant_uname(fcntl(seccomp_notify_fd(filter), F_DUPFD_CLOEXEC, 3));
    seccomp_release(filter);
    errno = -error;
    return error == 0 ? 0 : -1;
}

static int filter_system_calls(void) {
    if (discographer_uname_is_prepared() && load_filter(true) == 0) return 0;
    // EBUSY: a container's own filter has a listener already, and there can be one only. EINVAL: the kernel is older than 5.0.
    if (discographer_uname_is_prepared()) discographer_start_constant_uname(-1);
    return load_filter(false);
}

// Covers parts of this process's own /proc, which a program that leaves the chroot would find: settings of the host's kernel, and this process's memory, which its
// Lua scriptlets could write to.
static int protect_kernel_settings(void) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, "/proc", 0, &attributes, sizeof attributes) < 0) return -1;
    static const char *const entries[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi"};
    for (size_t index = 0; index < sizeof entries / sizeof *entries; index++) {
        if (access(entries[index], F_OK) < 0) continue;
        if (mount(entries[index], entries[index], NULL, MS_BIND, NULL) < 0 ||
            mount_setattr(AT_FDCWD, entries[index], 0, &attributes, sizeof attributes) < 0)
            return -1;
    }
    return 0;
}

int discographer_confine(const char **failed_step) {
    *failed_step = "making /proc read-only";
    if (protect_kernel_settings() < 0) return -1;
    // A limit of 1 byte writes no core and does not start the host's core_pattern program (core(5)).
    *failed_step = "forbidding core dumps (setrlimit)";
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}) < 0) return -1;
    // Keeps scriptlets away from this process's memory, descriptors and root folder in /proc (prctl(2)).
    *failed_step = "closing this process to others (PR_SET_DUMPABLE)";
    if (prctl(PR_SET_DUMPABLE, 0) < 0) return -1;
    // Before dropping capabilities: a filter needs SYS_ADMIN, or no_new_privs, which would disable setuid programs of scriptlets.
    *failed_step = "filtering system calls (seccomp)";
    if (filter_system_calls() < 0) return -1;
    *failed_step = "dropping capabilities (capset)";
    return drop_capabilities();
}
