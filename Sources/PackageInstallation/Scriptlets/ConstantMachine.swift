// The machine that scriptlets see in /proc and /sys: the same on every build host, so that nothing of the host gets into an image. Formats: proc(5), sysfs(5).
import Glibc
import HostSystem
import SystemPackage

struct ConstantMachine {
    /// Four processors, as many threads as a program should start that asks here and not sched_getaffinity(2).
    static let processors = 0..<4
    static let lastProcessor = processors.upperBound - 1
    static let memory = 4 << 20

    /// The files of /proc, by name. All other files there are empty.
    static let processFiles: [String: String] = [
        "cmdline": GuestConstants.kernelCommandLine + "\n",
        "version": version(release: GuestConstants.kernelRelease),
        "cpuinfo": processors.map(processor).joined(),
        "stat": "cpu  0 0 0 0 0 0 0 0 0 0\n" + processors.map { "cpu\($0) 0 0 0 0 0 0 0 0 0 0\n" }.joined()
            + "intr 0\nctxt 0\nbtime 0\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
        "meminfo": """
        MemTotal:       \(memory) kB
        MemFree:        \(memory) kB
        MemAvailable:   \(memory) kB
        Buffers:              0 kB
        Cached:               0 kB
        SwapTotal:            0 kB
        SwapFree:             0 kB

        """,
        "uptime": "1.00 1.00\n",
        "loadavg": "0.00 0.00 0.00 1/1 1\n",
        "swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
        "partitions": "major minor  #blocks  name\n\n",
        "filesystems": "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n\text4\n\txfs\n\tbtrfs\n\tvfat\n",
        "devices":
            "Character devices:\n  1 mem\n  4 tty\n  5 /dev/tty\n 10 misc\n136 pts\n\nBlock devices:\n  7 loop\n  8 sd\n253 device-mapper\n254 virtblk\n259 blkext\n",
    ]

    static func version(release: String) -> String { "Linux version \(release) (discographer) \(GuestConstants.kernelVersion)\n" }

    /// The files of /proc/sys, by path: those that programs of scriptlets are known to read. The kernel's defaults (its Documentation/admin-guide/sysctl).
    static let settings: [String: String] = [
        "kernel/ostype": "Linux", "kernel/osrelease": GuestConstants.kernelRelease, "kernel/version": GuestConstants.kernelVersion,
        "kernel/domainname": "(none)", "kernel/pid_max": "4194304", "kernel/threads-max": "65536",
        "kernel/ngroups_max": "65536", "kernel/overflowuid": "65534", "kernel/overflowgid": "65534", "kernel/tainted": "0",
        "kernel/modules_disabled": "0", "kernel/randomize_va_space": "2", "kernel/panic": "0", "kernel/sysrq": "16", "kernel/printk": "4\t4\t1\t7",
        "kernel/shmmax": "18446744073692774399", "kernel/shmall": "18446744073692774399", "kernel/shmmni": "4096", "kernel/msgmax": "8192",
        "kernel/sem": "32000\t1024000000\t500\t32000", "kernel/core_pattern": "core",
        "kernel/random/boot_id": "00000000-0000-4000-8000-000000000000", "kernel/random/poolsize": "256", "kernel/random/entropy_avail": "256",
        "fs/file-max": "9223372036854775807", "fs/nr_open": "1048576", "fs/pipe-max-size": "1048576", "fs/aio-max-nr": "65536",
        "vm/overcommit_memory": "0", "vm/overcommit_ratio": "50", "vm/swappiness": "60", "vm/max_map_count": "65530", "vm/nr_hugepages": "0",
        "vm/min_free_kbytes": "8192", "vm/dirty_ratio": "20", "net/core/somaxconn": "4096", "net/ipv4/ip_forward": "0",
        "net/ipv6/conf/all/disable_ipv6": "0", "crypto/fips_enabled": "0",
    ]

    /// What of the kernel's own /proc/sys stays: the host name of the worker's namespace, the last capability that the kernel knows, which programs must not exceed, and
    /// random numbers.
    static let keptSettings = ["kernel/hostname", "kernel/cap_last_cap", "kernel/random/uuid"]

    /// The folders of /sys, which have no device in them.
    static let deviceFolders =
        ["block", "bus", "class", "dev/block", "dev/char", "firmware", "fs/cgroup", "hypervisor", "kernel", "module", "power"]
        + processors.map { "devices/system/cpu/cpu\($0)" }

    /// The files of /sys. dracut(8) reads where else firmware could be.
    static let deviceFiles =
        Dictionary(
            uniqueKeysWithValues: ["online", "possible", "present"].map {
                ("devices/system/cpu/\($0)", "\(processors.lowerBound)-\(lastProcessor)\n")
            }
        ).merging(["module/firmware_class/parameters/path": "\n"]) { first, _ in first }

    /// x86-64-v3 of the psABI, which no distribution of today exceeds.
    private static func processor(_ number: Int) -> String {
        """
        processor\t: \(number)
        vendor_id\t: unknown
        cpu family\t: 6
        model\t\t: 0
        model name\t: x86-64
        stepping\t: 0
        cpu MHz\t\t: 2000.000
        cache size\t: 1024 KB
        physical id\t: 0
        siblings\t: \(processors.count)
        core id\t\t: \(number)
        cpu cores\t: \(processors.count)
        flags\t\t: fpu de pse tsc msr pae mce cx8 apic sep pge mca cmov pat pse36 clflush mmx fxsr sse sse2 syscall nx rdtscp lm constant_tsc pni \
        ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand lahf_lm abm bmi1 avx2 bmi2
        bogomips\t: 4000.00
        address sizes\t: 40 bits physical, 48 bits virtual


        """
    }
}
