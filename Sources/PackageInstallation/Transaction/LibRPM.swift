// librpm's process-wide settings, the same for every job.
internal import CRPM
import Glibc
import HostSystem

/// Reads rpm's own configuration, and nothing that the build host has changed in it.
///
/// - Throws: `WorkerFailure`.
func configureLibRPM() throws {
    // The pointer is kept by librpm for the life of the process.
    discographer_rpm_set_macro_files(strdup("/usr/lib/rpm/macros:/usr/lib/rpm/platform/%{_target}/macros"))
    guard rpmReadConfigFiles("/usr/lib/rpm/rpmrc", nil) == 0 else {
        throw WorkerFailure(
            kind: "librpm",
            message: "librpm cannot read its configuration in /usr/lib/rpm; the package rpm-common brings it")
    }
}
