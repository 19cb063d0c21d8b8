// System calls that Swift cannot make well itself: those that must run between fork and exec, variadic ones, and
// ioctls whose numbers are macros. Used by HostSystem alone.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/xattr.h>

/// All threads allocate from one heap, and what is larger than 64 KiB goes back to the kernel when it is freed (mallopt(3)).
void discographer_use_one_heap(void);

/// What an isolated process may see; see `discographer_isolate`.
typedef struct {
    /// A user namespace for a caller that is not root, for work in which owners do not matter: it knows no ids.
    bool new_user_namespace;
    bool new_network_namespace;
    /// Everything but `writable_paths` becomes read-only, and /tmp, /var/tmp and /run are private and empty.
    bool read_only_host;
    /// Nothing of the host is there but `writable_paths`, `readable_paths` and a minimal /dev: the process gets a root of its own, so
    /// that even who leaves a chroot finds no more.
    bool hidden_host;
    const char *const *writable_paths;
    size_t writable_path_count;
    /// Stay visible, read-only, even below /tmp and its kin.
    const char *const *readable_paths;
    size_t readable_path_count;
    /// UTS hostname, or NULL to keep the host's.
    const char *hostname;
    /// A folder that stays within reach by a descriptor alone, writable, as one mount whatever is mounted at or below it; or NULL.
    const char *kept_folder;
    /// Out: the descriptor of `kept_folder`, closed on exec; -1 where the kernel gives none.
    int kept_descriptor;
} discographer_isolation;

/// Moves the rest of this program into namespaces of its own: mount, pid, ipc and uts, and what `isolation` adds.
///
/// Must be called before any thread exists. The calling process stays behind as a monitor that lives until the isolated one ends,
/// passes on how it ended (exit status, or 128 + signal), and kills it at once when `lifeline`'s other end is closed.
/// The isolated process is PID 1 of its namespace: with it die all its descendants, and with them all mounts.
///
/// Returns 0 in the isolated process, and never in the monitor. On failure returns -1 with errno set and `failed_step`
/// naming what could not be done.
int discographer_isolate(discographer_isolation *isolation, int lifeline, const char **failed_step);

/// Takes from this process and all that it starts, for good, what neither librpm nor a scriptlet needs: capabilities but those over
/// files and users (capabilities(7); this process itself may still unmount), the system calls that reach the host's kernel log, keyrings, audit and modules (seccomp(2)), core dumps,
/// and the view of this process in /proc.
///
/// To be called before any other thread exists. Returns 0, or -1 with errno set and `failed_step` naming what could not be done.
int discographer_confine(const char **failed_step);

/// What a scriptlet may take; see `discographer_watch_start`.
typedef struct {
    /// 0: for ever.
    unsigned seconds;
    /// Processes that there may be at once.
    unsigned most_processes;
    /// An open file in memory that scriptlets print to, and how much of it is kept while they do, in bytes.
    int output;
    int64_t most_output;
    /// Where the worker's messages go.
    int messages;
} discographer_watch_limits;

enum {
    DISCOGRAPHER_WATCH_TIME = 1,
    DISCOGRAPHER_WATCH_PROCESSES = 2,
};

/// Begins a thread that watches over scriptlets, in a process that is the first one of its PID namespace.
///
/// Returns 0, or -1 with errno set.
int discographer_watch_start(const discographer_watch_limits *limits);

/// A scriptlet begins. Should it be code of this very process (Lua) that does not end in time, then `last_words` are written to `messages`
/// and the process exits with status 1; they must stay until `discographer_watch_end`.
void discographer_watch_begin(const char *last_words, size_t length);

/// The scriptlet has ended; the limits for which all other processes of the namespace were killed, or 0.
unsigned discographer_watch_end(void);

/// Root folder, working folder and umask of this thread are its own from now on. Returns 0, or -1 with errno set.
int discographer_own_root(void);

/// Mounts a /dev on `folder` that has no device of the host's: null, zero, full, random, urandom, tty, a terminal multiplexer of its own, and
/// the names of the open descriptors. Other device nodes can be made in it, and not be opened.
///
/// The devices are the caller's own, bound: so a user namespace may do it too, and no scriptlet changes their modes. Returns 0, or -1 with
/// errno set.
int discographer_mount_devices(const char *folder);

/// Runs a command in a root, with this process's descriptors and terminal, and waits for it; an empty one is the root's shell.
///
/// Returns its exit status, or 128 + signal; -1 with errno set when it could not be started.
int discographer_run_in_root(const char *root, char *const *command, char *const *environment);

/// Whether device nodes in the mount that has `folder` can be opened. Returns 0, or -1 with errno set.
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

/// As `discographer_open_in_root`; a path with a symlink in it is ELOOP.
int discographer_open_in_root_without_links(int root, const char *path, int flags);

/// Exchanges what two names stand for, in one step (renameat2(2), RENAME_EXCHANGE). Returns 0, or -1 with errno set.
int discographer_exchange_names(const char *first, const char *second);

/// Moves a file to a name that is free (renameat2(2), RENAME_NOREPLACE). Returns 0, or -1 with errno set.
int discographer_move_to_free_name(int from, const char *name, int to, const char *free_name);

/// Sends `descriptor` through a socket (unix(7), SCM_RIGHTS): until it is taken it is in no process's table. Returns 0, or -1 with errno set.
int discographer_hide_descriptor(int socket, int descriptor);

/// Takes what was hidden out of the other end, closed on exec; -1 when nothing is there.
int discographer_take_descriptor(int socket);

/// This process runs when no other wants to (sched(7), SCHED_IDLE), and a core that it has counts as free for those.
void discographer_run_when_idle(void);

/// Sets the flag T of chattr(1) on an open folder. Returns 0, or -1 with errno set: the file system has none.
int discographer_spread_folders(int folder);

/// syncfs(2).
int discographer_sync_file_system(int file);

/// f_type of statfs(2), or -1 with errno set.
int64_t discographer_file_system_type(const char *path);

/// Gives the empty file `output` the content of the regular file `input`, holes included: by the kernel alone where it can
/// (copy_file_range(2)), by hand where not.
///
/// Returns 0, or -1 with errno set.
int discographer_copy_contents(int input, int output);

/// Who is who in a user namespace: by two setuid programs of the distribution (newuidmap(1), newgidmap(1)), or, where `uid_mapper` is
/// NULL, by what is written to uid_map and gid_map (user_namespaces(7)).
typedef struct {
    /// Program and arguments, NULL at the end; the process id is put after the program.
    const char *const *uid_mapper;
    const char *const *gid_mapper;
    const char *uid_map;
    const char *gid_map;
} discographer_id_maps;

/// What `failed_step` may say of the two functions below.
#define DISCOGRAPHER_STEP_FORK "fork"
#define DISCOGRAPHER_STEP_UNSHARE "unshare"
#define DISCOGRAPHER_STEP_MAP "map"
#define DISCOGRAPHER_STEP_MOUNT "mount"
#define DISCOGRAPHER_STEP_PROC "proc"
#define DISCOGRAPHER_STEP_HOSTNAME "hostname"

/// Makes this process, which must have one thread, root of a new user namespace.
///
/// Returns 0, or -1 with errno set and `failed_step` naming what could not be done.
int discographer_enter_user_namespace(const discographer_id_maps *maps, const char **failed_step);

/// Whether a worker could be isolated here, tried out in a child: namespaces, a host name and a /proc of its own.
///
/// Returns 0, or -1 with errno set and `failed_step` naming what could not be done.
int discographer_probe_namespaces(const char **failed_step);

/// mknodat(2), or, where the kernel refuses devices (user namespaces), an empty file that stands for the node.
///
/// Returns 0, or -1 with errno set.
int discographer_make_node(int directory, const char *path, mode_t mode, dev_t device);

/// The extended attribute of a file that stands for a device node.
#define DISCOGRAPHER_NODE_ATTRIBUTE "user.discographer.device"

/// Whether all nodes that this process makes are to be such files at first, FIFOs too.
void discographer_stand_in_for_all_nodes(bool all);

/// Puts the node in the place of the file that stands for it, where the kernel makes such nodes; every other file stays as it is.
///
/// Returns 0, or -1 with errno set.
int discographer_settle_node(const char *path);

/// Whether the file stands for a node, and for which: S_IFCHR, S_IFBLK or S_IFIFO, and its number.
bool discographer_read_node(const char *path, mode_t *type, dev_t *device);

/// Makes a mount read-only and leaves its other attributes, of which a user namespace cannot take any away, as they are.
int discographer_mount_read_only(const char *target);
