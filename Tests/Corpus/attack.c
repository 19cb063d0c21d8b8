// What a scriptlet should not be able to do to the build host, as one static program: `attack NAME...` tries each and prints how the kernel
// answered. The ways that would harm where they succeed are tried with arguments that the kernel refuses after it has looked at the privilege.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

// "allowed" where the kernel would have done it: EINVAL, ENOENT and the like come after the check of privilege.
static void answer(const char *name, long result) {
    int error = errno;
    int refused = result < 0 && (error == EPERM || error == EACCES || error == ENOSYS || error == EAFNOSUPPORT || error == EROFS || error == ENXIO || error == ESRCH || error == EBUSY);
    printf("%s: %s\n", name, result >= 0 ? "DONE" : refused ? "refused" : strerror(error));
}

static long device(const char *path, mode_t type) {
    dev_t number = makedev(0, 0);
    FILE *list = fopen("/proc/partitions", "r");
    char line[256];
    unsigned major, minor;
    // Whatever disk the host has.
    while (list && fgets(line, sizeof line, list))
        if (sscanf(line, " %u %u", &major, &minor) == 2) number = makedev(major, minor);
    if (type == S_IFCHR) number = makedev(1, 1);
    unlink(path);
    if (mknod(path, type | 0600, number) < 0) return -1;
    return open(path, O_RDONLY);
}

static long escape(void) {
    // The classic way out of a chroot: a root below the working directory.
    mkdir("/escape", 0755);
    int top = open("/", O_RDONLY | O_DIRECTORY);
    if (chroot("/escape") < 0 || fchdir(top) < 0) return -1;
    for (int up = 0; up < 64; up++)
        if (chdir("..") < 0) return -1;
    if (chroot(".") < 0) return -1;
    // What only the host has, and what an empty machine has not.
    static const char *const host[] = {"/etc/shadow", "/etc/fstab", "/etc/resolv.conf", "/root", "/home", "/var/lib/dpkg", "/boot", "/opt"};
    for (size_t index = 0; index < sizeof host / sizeof *host; index++)
        if (access(host[index], F_OK) == 0) {
            printf("escape: sees %s\n", host[index]);
            return 0;
        }
    // The new root has programs of the host: none may be written.
    if (open("/usr/attack-was-here", O_CREAT | O_WRONLY, 0644) >= 0) return 0;
    if (open("/proc/sys/kernel/core_pattern", O_WRONLY) >= 0 || open("/proc/sysrq-trigger", O_WRONLY) >= 0) return 0;
    if (open("/sys/power/state", O_WRONLY) >= 0 || device("/dev/disk-of-host", S_IFBLK) >= 0) return 0;
    return -1;
}

static long by_handle(void) {
    struct file_handle *handle = malloc(sizeof *handle + MAX_HANDLE_SZ);
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount_id;
    if (name_to_handle_at(AT_FDCWD, "/bin", handle, &mount_id, 0) < 0) return -1;
    // Inode 2 is the root folder of an ext4.
    int folder = open("/", O_RDONLY | O_DIRECTORY);
    return open_by_handle_at(folder, handle, O_RDONLY);
}

static long immutable(void) {
    int file = open("/immutable", O_CREAT | O_RDWR, 0644), flags = FS_IMMUTABLE_FL;
    return ioctl(file, FS_IOC_SETFLAGS, &flags);
}

static long try(const char *name) {
    struct timespec past = {.tv_sec = 1000000000};
    struct timeval zero = {0};
    struct timex adjust = {.modes = ADJ_OFFSET};
    union bpf_attr program = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event};
    if (!strcmp(name, "reboot")) return reboot(RB_AUTOBOOT);
    if (!strcmp(name, "ctrl-alt-del")) return reboot(RB_DISABLE_CAD);
    if (!strcmp(name, "clock_settime")) return clock_settime(CLOCK_REALTIME, &past);
    if (!strcmp(name, "settimeofday")) return settimeofday(&zero, NULL);
    if (!strcmp(name, "adjtimex")) return adjtimex(&adjust);
    if (!strcmp(name, "mount")) return mount("tmpfs", "/mnt", "tmpfs", 0, NULL);
    if (!strcmp(name, "bind")) return mount("/", "/mnt", NULL, MS_BIND, NULL);
    if (!strcmp(name, "remount")) return mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
    if (!strcmp(name, "umount")) return umount2("/proc/sys", MNT_DETACH);
    if (!strcmp(name, "pivot_root")) return syscall(SYS_pivot_root, ".", ".");
    if (!strcmp(name, "fsopen")) return syscall(SYS_fsopen, "tmpfs", 0);
    if (!strcmp(name, "unshare")) return unshare(CLONE_NEWNS);
    if (!strcmp(name, "user-namespace")) return unshare(CLONE_NEWUSER);
    if (!strcmp(name, "setns")) return open("/proc/1/ns/mnt", O_RDONLY);
    if (!strcmp(name, "init_module")) return syscall(SYS_init_module, "", 0, "");
    if (!strcmp(name, "delete_module")) return syscall(SYS_delete_module, "no_such_module", O_NONBLOCK);
    if (!strcmp(name, "kexec")) return syscall(SYS_kexec_load, 0, 0, NULL, 0);
    if (!strcmp(name, "swapon")) return swapon("/no-such-file", 0);
    if (!strcmp(name, "acct")) return acct("/no-such-file");
    if (!strcmp(name, "iopl")) return syscall(SYS_iopl, 3);
    if (!strcmp(name, "syslog")) return klogctl(10, NULL, 0);
    if (!strcmp(name, "sethostname")) return sethostname("attacked", 8);
    if (!strcmp(name, "keyctl")) return syscall(SYS_keyctl, 0, -4, 0);
    if (!strcmp(name, "bpf")) return syscall(SYS_bpf, BPF_MAP_CREATE, &program, sizeof program);
    if (!strcmp(name, "perf")) return syscall(SYS_perf_event_open, &event, 0, -1, -1, 0);
    if (!strcmp(name, "audit")) return socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    if (!strcmp(name, "vsock")) return socket(AF_VSOCK, SOCK_STREAM, 0);
    if (!strcmp(name, "crypto")) return socket(AF_ALG, SOCK_SEQPACKET, 0);
    if (!strcmp(name, "terminal")) return open("/dev/tty", O_RDWR);
    if (!strcmp(name, "ptrace")) return ptrace(PTRACE_ATTACH, 1, NULL, NULL);
    if (!strcmp(name, "parent-memory")) return open("/proc/1/mem", O_RDWR);
    if (!strcmp(name, "parent-root")) return open("/proc/1/root/", O_RDONLY);
    if (!strcmp(name, "parent-descriptors")) return open("/proc/1/fd/0", O_RDONLY);
    if (!strcmp(name, "handle")) return by_handle();
    if (!strcmp(name, "escape")) return escape();
    if (!strcmp(name, "immutable")) return immutable();
    if (!strcmp(name, "disk")) return device("/root-disk", S_IFBLK);
    if (!strcmp(name, "disk-in-dev")) return device("/dev/disk-of-host", S_IFBLK);
    if (!strcmp(name, "disk-in-tmp")) return device("/tmp/disk-of-host", S_IFBLK);
    if (!strcmp(name, "memory")) return device("/memory", S_IFCHR);
    if (!strcmp(name, "priority")) return setpriority(PRIO_PROCESS, 0, -20);
    if (!strcmp(name, "chmod-null")) return chmod("/dev/null", 0600);
    if (!strcmp(name, "unlink-null")) return unlink("/dev/null");
    errno = EINVAL;
    return -1;
}

int main(int count, char **names) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    // Descriptors beyond the three are not a scriptlet's to inherit.
    if (count == 2 && !strcmp(names[1], "descriptors")) {
        for (int descriptor = 3; descriptor < 1024; descriptor++)
            if (fcntl(descriptor, F_GETFD) >= 0) printf("descriptor %d is open\n", descriptor);
        return 0;
    }
    if (count == 5 && !strcmp(names[1], "setxattr")) return setxattr(names[2], names[3], names[4], strlen(names[4]), 0) < 0;
    for (int index = 1; index < count; index++) answer(names[index], try(names[index]));
    return 0;
}
