import Testing

@testable import DiskWriting

@Suite("The libguestfs disk writer")
struct GuestfsDiskWriterTests {
    @Test(
        "names disks beyond z with two letters",
        arguments: [(0, "/dev/sda"), (25, "/dev/sdz"), (26, "/dev/sdaa"), (51, "/dev/sdaz"), (52, "/dev/sdba")])
    func device(_ index: Int, _ name: String) { #expect(GuestfsDiskWriter.device(index) == name) }
}
