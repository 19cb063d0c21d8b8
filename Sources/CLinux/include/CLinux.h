// System calls that Swift cannot make well: those between fork and exec, variadic ones, and ioctls whose numbers are macros. Used only by HostSystem.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/xattr.h>

/// Makes all threads allocate from one arena, and returns blocks larger than 64 KiB to the kernel as soon as they are freed (mallopt(3)).
void discographer_use_single_malloc_arena(void);

/// What an isolated process may see; see `discographer_isolate`.
typedef struct {
    /// A user namespace with a single id, for a caller that is not root and for work in which owners do not matter.
    bool new_user_namespace;
    bool new_network_namespace;
    /// Everything but `writable_paths` becomes read-only, and /tmp, /var/tmp and /run are private and empty.
    bool read_only_host;
    /// Only `writable_paths`, `readable_paths` and a minimal /dev are visible: the process gets a root of its own, so that a program that leaves a chroot
    /// does not find more either.
    bool hidden_host;
    const char *const *writable_paths;
    size_t writable_path_count;
    /// Stay visible, read-only, also below /tmp, /var/tmp and /run.
    const char *const *readable_paths;
    size_t readable_path_count;
    /// UTS hostname, or NULL to keep the host's.
    const char *hostname;
    /// A folder that stays accessible only through a descriptor, writable, as one mount whatever is mounted at or below it; or NULL.
    const char *kept_folder;
    /// Out: the descriptor of `kept_folder`, closed on exec; -1 if the kernel does not support it.
    int kept_descriptor;
} discographer_isolation;

/// Moves the rest of this program into namespaces of its own: mount, pid, ipc and uts, and what `isolation` adds.
///
/// Must be called before any thread exists. The calling process stays behind as a monitor until the isolated one ends, exits with its status (or 128 + signal), and
/// kills it at once when `lifeline`'s other end is closed. The isolated process is PID 1 of its namespace: when it ends, so do all its descendants and mounts.
///
/// Returns 0 in the isolated process, and never in the monitor. On failure returns -1 with errno set and `failed_step`
/// naming what could not be done.
int discographer_isolate(discographer_isolation *isolation, int lifeline, const char **failed_step);

/// Brings up the interface `lo` of this process's network namespace: in a new one it is down (network_namespaces(7)).
///
/// Needs CAP_NET_ADMIN over the namespace. Returns 0, or -1 with errno set.
int discographer_bring_up_loopback(void);

/// Removes from this process and everything that it starts, for good, what neither librpm nor scriptlets need: all capabilities except those over files and users
/// (capabilities(7); this process itself may still unmount), system calls for the host's kernel log, keyrings, audit and modules (seccomp(2)), core dumps, and
/// access to this process in /proc.
///
/// Other threads that exist are not confined. Returns 0, or -1 with errno set and `failed_step` naming what could not be done.
int discographer_confine(const char **failed_step);

/// What uname(2) says of the kernel until `discographer_set_kernel_release`: new enough for every guest's tools.
#define DISCOGRAPHER_KERNEL_RELEASE "6.12.0"
#define DISCOGRAPHER_KERNEL_VERSION "#1 SMP"

/// Makes uname(2) say the same on every build host, in this process and everything that it starts, from `discographer_confine` on. Starts a thread, which is not
/// confined but has CAP_SYS_PTRACE alone. Where the kernel does not allow it (before 5.0, or in a container with such a filter of its own), uname(2) stays the host's.
///
/// To be called before `discographer_confine`. Returns 0, or -1 with errno set.
int discographer_prepare_constant_uname(void);

/// Whether uname(2) is the same as on other build hosts, after `discographer_confine`.
bool discographer_uname_is_constant(void);

/// Sets the release that uname(2) says.
void discographer_set_kernel_release(const char *release);

/// The limits of scriptlets; see `discographer_watch_start`.
typedef struct {
    /// 0 for no limit.
    unsigned seconds;
    /// The most processes at once.
    unsigned most_processes;
    /// An open file in memory that scriptlets print to, and how much of it is kept, in bytes.
    int output;
    int64_t most_output;
    /// The worker's message channel.
    int messages;
} discographer_watch_limits;

enum {
    DISCOGRAPHER_WATCH_TIME = 1,
    DISCOGRAPHER_WATCH_PROCESSES = 2,
};

/// Starts a thread that enforces the limits of scriptlets, in a process that is the first of its PID namespace.
///
/// Returns 0, or -1 with errno set.
int discographer_watch_start(const discographer_watch_limits *limits);

/// To be called when a scriptlet begins. If it is code in this very process (Lua) and does not end in time, `timeout_message` is written to `messages` and the
/// process exits with status 1. The message must stay at its address until `discographer_watch_end`.
void discographer_watch_begin(const char *timeout_message, size_t length);

/// To be called when the scriptlet has ended. Returns the limits that were exceeded, for which all other processes were killed; or 0.
unsigned discographer_watch_end(void);

/// Gives this thread a root folder, working folder and umask of its own. Returns 0, or -1 with errno set.
int discographer_own_root(void);

/// Mounts a minimal /dev on `folder`: null, zero, full, random, urandom, tty, a terminal multiplexer of its own, and the links to open descriptors. Other device
/// nodes can be made in it but not opened.
///
/// The devices are bind mounts of the caller's, so that it works in a user namespace and scriptlets cannot change their modes. Returns 0, or -1 with errno set.
int discographer_mount_devices(const char *folder);

/// Runs a command, or the root's shell for an empty one, in a root with this process's descriptors and terminal, and waits for it.
///
/// Returns its exit status, or 128 + signal; -1 with errno set when it could not be started.
int discographer_run_in_root(const char *root, char *const *command, char *const *environment);

/// Sets whether device nodes in the mount of `folder` can be opened. Returns 0, or -1 with errno set.
int discographer_allow_devices(int folder, bool allowed);

/// Attaches `file` to a free loop device that detaches itself on last close (LO_FLAGS_AUTOCLEAR, loop(4)).
///
/// Returns an open descriptor of the loop device and writes its path to `device_path`; -1 with errno set on failure.
int discographer_loop_attach(int file, uint64_t offset, uint64_t size, bool read_only, char *device_path,
                             size_t device_path_size);

int discographer_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int discographer_unmount(const char *target, bool detach);

/// Opens `path` with every symlink resolved as a process chrooted to the folder `root` would see it (openat2(2)).
///
/// Needs no privilege. Returns a descriptor, or -1 with errno set.
int discographer_open_in_root(int root, const char *path, int flags);

/// As `discographer_open_in_root`, but the descriptor only stands for the file (O_PATH): a device or a FIFO is not opened.
int discographer_find_in_root(int root, const char *path);

/// As `discographer_open_in_root`, but fails with ELOOP if the path has a symlink in it.
int discographer_open_in_root_without_links(int root, const char *path, int flags);

/// Whether `part` is somewhere in `text` (memmem(3)).
bool discographer_has_bytes(const void *text, size_t length, const void *part, size_t part_length);

/// Exchanges what two names stand for, in one step (renameat2(2), RENAME_EXCHANGE). Returns 0, or -1 with errno set.
int discographer_exchange_names(const char *first, const char *second);

/// Moves a file to a name that does not exist yet (RENAME_NOREPLACE, renameat2(2)). Returns 0, or -1 with errno set.
int discographer_move_to_free_name(int from, const char *name, int to, const char *free_name);

/// Sends `descriptor` into a socket (unix(7), SCM_RIGHTS): until it is received, no process has it open. Returns 0, or -1 with errno set.
int discographer_park_descriptor(int socket, int descriptor);

/// Receives the parked descriptor from the socket's other end, closed on exec; -1 when nothing is there.
int discographer_unpark_descriptor(int socket);

/// Puts this process into SCHED_IDLE (sched(7)): it gets only CPU time that no other process wants.
void discographer_run_when_idle(void);

/// Sets the flag T of chattr(1) on an open folder. Returns 0, or -1 with errno set if the file system does not have it.
int discographer_spread_folders(int folder);

/// syncfs(2).
int discographer_sync_file_system(int file);

/// f_type of statfs(2), or -1 with errno set.
int64_t discographer_file_system_type(const char *path);

/// Copies content and holes of the regular file `input` to the empty file `output`: in the kernel if it can (copy_file_range(2)), otherwise in user space.
///
/// Returns 0, or -1 with errno set.
int discographer_copy_contents(int input, int output);

/// How the ids of a user namespace are mapped: by two setuid programs of the distribution (newuidmap(1), newgidmap(1)), or, if `uid_mapper` is NULL, by
/// writing uid_map and gid_map (user_namespaces(7)).
typedef struct {
    /// Program and arguments, ended by NULL. The process id is inserted after the program.
    const char *const *uid_mapper;
    const char *const *gid_mapper;
    const char *uid_map;
    const char *gid_map;
} discographer_id_maps;

/// The values of `failed_step` of the two functions below.
#define DISCOGRAPHER_STEP_FORK "fork"
#define DISCOGRAPHER_STEP_UNSHARE "unshare"
#define DISCOGRAPHER_STEP_MAP "map"
#define DISCOGRAPHER_STEP_MOUNT "mount"
#define DISCOGRAPHER_STEP_PROC "proc"
#define DISCOGRAPHER_STEP_HOSTNAME "hostname"

/// Makes this process root of a new user namespace. It must have one thread.
///
/// Returns 0, or -1 with errno set and `failed_step` naming what could not be done.
int discographer_enter_user_namespace(const discographer_id_maps *maps, const char **failed_step);

/// Tries in a child whether a worker can be isolated here: namespaces, a host name and a /proc of its own.
///
/// Returns 0, or -1 with errno set and `failed_step` naming what could not be done.
int discographer_probe_namespaces(const char **failed_step);

/// mknodat(2). Where the kernel does not allow device nodes (user namespaces), makes an empty file that stands for the node.
///
/// Returns 0, or -1 with errno set.
int discographer_make_node(int directory, const char *path, mode_t mode, dev_t device);

/// The extended attribute of a stand-in for a device node.
#define DISCOGRAPHER_NODE_ATTRIBUTE "user.discographer.device"

/// Sets whether this process makes stand-ins instead of all nodes, including FIFOs.
void discographer_stand_in_for_all_nodes(bool all);

/// Replaces a stand-in by its node if the kernel allows the node. Does not change other files.
///
/// Returns 0, or -1 with errno set.
int discographer_settle_node(const char *path);

/// Whether the file is a stand-in; if so, sets the kind of node (S_IFCHR, S_IFBLK or S_IFIFO) and its number.
bool discographer_read_node(const char *path, mode_t *type, dev_t *device);

/// Makes a mount read-only and keeps its other attributes, which a user namespace cannot remove.
int discographer_mount_read_only(const char *target);
