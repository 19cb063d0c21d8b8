// librpm's process-wide settings, the same for every job.
internal import CRPM
import Glibc
import HostSystem

/// Reads the configuration that rpm is installed with, without the build host's changes to it.
///
/// - Throws: `WorkerFailure`.
func configureLibRPM() throws {
    // librpm keeps the pointer for the life of the process.
    discographer_rpm_set_macro_files(strdup("/usr/lib/rpm/macros:/usr/lib/rpm/platform/%{_target}/macros"))
    guard rpmReadConfigFiles("/usr/lib/rpm/rpmrc", nil) == 0 else {
        throw WorkerFailure(
            kind: .librpm,
            message: "librpm cannot read its configuration in /usr/lib/rpm; install the package rpm-common")
    }
}
