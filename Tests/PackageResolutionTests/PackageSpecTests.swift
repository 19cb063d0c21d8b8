import Testing

@testable import PackageResolution

/// The expectations are the results of hawkey.Subject(...).get_nevra_possibilities() of python3-hawkey 0.69 for the same texts.
struct PackageSpecTests {
    private typealias Reading = PackageSpec

    @Test func aFullNEVRAIsReadFirst() {
        #expect(
            PackageSpec.readings(of: "bash-completion-1:2.11-6.el9.noarch").first
                == Reading(
                    name: "bash-completion", epoch: 1, version: "2.11", release: "6.el9", architecture: "noarch"))
    }

    @Test func aDotMayBelongToTheName() {
        #expect(
            PackageSpec.readings(of: "python3.11") == [
                Reading(name: "python3", architecture: "11"), Reading(name: "python3.11"),
            ])
    }

    @Test func globsAreParts() {
        #expect(
            PackageSpec.readings(of: "kernel-*.x86_64") == [
                Reading(name: "kernel-*", architecture: "x86_64"), Reading(name: "kernel-*.x86_64"),
                Reading(name: "kernel", version: "*.x86_64"),
            ])
    }

    @Test func providesAndPathsHaveNoReading() {
        for text in ["/usr/bin/bash", "perl(Carp)", "libc.so.6()(64bit)", "bash >= 5", "bash<5"] {
            #expect(PackageSpec.readings(of: text).isEmpty)
        }
    }

    @Test func locksPreferVersions() {
        #expect(PackageSpec.versionLockReadings(of: "bash-0:5.1.8-2.el9.*").first?.release == "2.el9")
        #expect(PackageSpec.versionLockReadings(of: "bash-5.1").first == Reading(name: "bash", version: "5.1"))
    }
}
