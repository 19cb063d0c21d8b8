// What a process that runs packages' scriptlets, and everything it starts, may still ask of the kernel. Root without these is root
// over the files of the installroot, and over nothing of the host's kernel.
#define _GNU_SOURCE
#include "CLinux.h"

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

// capabilities(7). Everything else is dropped: SYS_ADMIN (mounts; this process alone keeps it, for its own unmounts), SYS_MODULE, SYS_BOOT, SYS_TIME, SYS_RAWIO, SYS_PTRACE,
// NET_ADMIN (iptables(8) loads modules), DAC_READ_SEARCH (open_by_handle_at(2) reaches the whole file system that the root lies
// on), LINUX_IMMUTABLE (the cache could not be cleaned), ...
static const int kept_capabilities[] = {
    // Files of many owners, with setuid bits, devices and capabilities: what librpm writes.
    CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP,
    // librpm's chroot; ldconfig -r and setpriv(1) of scriptlets.
    CAP_SYS_CHROOT, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
    // Their own loopback; ping's file capability would keep it from being started otherwise.
    CAP_NET_BIND_SERVICE, CAP_NET_RAW,
};

static int drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) < 0) return -1;
    __u32 kept[_LINUX_CAPABILITY_U32S_3] = {0};
    // Not handed on: programs that it starts get what the bounding set leaves.
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

static int filter_system_calls(void) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter) {
        errno = ENOMEM;
        return -1;
    }
    // Other ABIs of this kernel (x32) are missing, not forbidden: programs fall back.
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (error == 0) error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
#ifdef __x86_64__
    if (error == 0) error = seccomp_arch_add(filter, SCMP_ARCH_X86);
#endif
    // The keyrings of root belong to the host; the others are doors into the kernel that no scriptlet needs.
    static const int missing[] = {
        SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(bpf), SCMP_SYS(perf_event_open),
        SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
        SCMP_SYS(fanotify_init), SCMP_SYS(open_by_handle_at), SCMP_SYS(kcmp),
    };
    for (size_t index = 0; error == 0 && index < sizeof missing / sizeof *missing; index++)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), missing[index], 0);
    // What waits for a disk succeeds at once, as with systemd-nspawn's --suppress-sync: a stage's result counts only when it is whole, so nothing
    // on the way to it has to outlast a power cut, and sync(2) is for all file systems of the host. The demo's scriptlets wait 130 times.
    static const int waiting[] = {
        SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync), SCMP_SYS(syncfs), SCMP_SYS(sync_file_range), SCMP_SYS(msync),
    };
    for (size_t index = 0; error == 0 && index < sizeof waiting / sizeof *waiting; index++)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(0), waiting[index], 0);
    // The kernel's messages are the host's.
    if (error == 0) error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(syslog), 0);
    // A family that is not there yet would be loaded as a module, without asking for a privilege. The audit log is the host's; libaudit
    // takes this answer for a kernel without one.
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
    for (int family = AF_INET + 1; error == 0 && family < AF_NETLINK; family++)
        if (family != AF_INET6)
            error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                                 SCMP_A2(SCMP_CMP_EQ, NETLINK_AUDIT));
    // Typing into the terminal of whoever runs `discographer shell`.
    if (error == 0)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI));
    if (error == 0) error = seccomp_load(filter);
    seccomp_release(filter);
    errno = -error;
    return error == 0 ? 0 : -1;
}

// In this process's own /proc, where who leaves a chroot would find it: what is global to the host's kernel, and this process's memory, which
// its Lua scriptlets could write.
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
    // core(5): a limit of 1 byte writes no core, and keeps a crash from the host's core_pattern program.
    *failed_step = "forbidding core dumps (setrlimit)";
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}) < 0) return -1;
    // prctl(2): keeps scriptlets from this process's memory, descriptors and root folder in /proc.
    *failed_step = "closing this process to others (PR_SET_DUMPABLE)";
    if (prctl(PR_SET_DUMPABLE, 0) < 0) return -1;
    // Before the capabilities: without no_new_privs, which would take setuid programs from scriptlets, a filter needs SYS_ADMIN.
    *failed_step = "filtering system calls (seccomp)";
    if (filter_system_calls() < 0) return -1;
    *failed_step = "dropping capabilities (capset)";
    return drop_capabilities();
}
