import ConfigurationTree
import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import Appliances

@Suite("OVF")
struct OVFDescriptorTests {
    /// DSP8023 1.1.1, which the project may not distribute.
    private static let schema: FilePath = {
        let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let material =
            ProcessInfo.processInfo.environment["DISCOGRAPHER_MATERIAL"].map { FilePath($0) } ?? checkout.appending("../shared/material")
        return material.pushing("dmtf/ovf-1.1.1/dsp8023_1.1.1.xsd")
    }()
    private static let xmllint = Tool(name: "xmllint", path: "/usr/bin/xmllint", package: "libxml2-utils")

    private static func descriptor(_ controller: Hardware.DiskController, disks: Int, interfaces: Int = 1) -> String {
        var hardware = Hardware()
        hardware.diskController = controller
        hardware.networkInterfaces = zip(0..<interfaces, Hardware.NetworkInterface.Model.allCases).map {
            Hardware.NetworkInterface(name: "eth\($0)<&>\"", model: $1)
        }
        let files = (0..<disks).map {
            ApplianceDisk(fileName: "m-\($0).vmdk", fileSize: .mebibytes(1), capacity: .gibibytes(UInt64($0 + 1)))
        }
        return OVFDescriptor(group: "g & h", machine: "m", hardware: hardware, disks: files).document()
    }

    @Test(
        "every kind of machine is valid by the DMTF's schema",
        .enabled(if: exists(schema) && exists(xmllint.path), "the DMTF's schemas (DISCOGRAPHER_MATERIAL) and xmllint"),
        arguments: Hardware.DiskController.allCases, [1, 4])
    func valid(_ controller: Hardware.DiskController, _ disks: Int) async throws {
        let file = FilePath("/tmp/discographer-ovf.\(UUID()).ovf")
        defer { removeFile(file) }
        for interfaces in [0, 4] {
            try writeAtomically(Self.descriptor(controller, disks: disks, interfaces: interfaces).utf8, to: file)
            try await Self.xmllint.run(["--nonet", "--noout", "--schema", Self.schema.string, file.string])
        }
    }

    /// CIM resource types, by which importers choose: 5 (IDE), 6 (SCSI), 20 (other storage: SATA).
    @Test(
        "the controller is known to importers and has room for the disks",
        arguments: [
            (Hardware.DiskController.virtio, 1, "5", "PIIX4"), (.virtio, 3, "20", "AHCI"), (.nvme, 2, "5", "PIIX4"), (.sata, 1, "20", "AHCI"),
            (.scsi, 4, "6", "lsilogic"), (.ide, 5, "20", "AHCI"),
        ])
    func controller(_ controller: Hardware.DiskController, _ disks: Int, _ type: String, _ subtype: String) throws {
        let items = try Items(Self.descriptor(controller, disks: disks))
        let one = try #require(items.all.first { ["5", "6", "20"].contains($0["ResourceType"]) })
        #expect(one["ResourceType"] == type && one["ResourceSubType"] == subtype)
        let hard = items.all.filter { $0["ResourceType"] == "17" }
        #expect(hard.map { $0["HostResource"] } == (1...disks).map { "ovf:/disk/disk\($0)" })
        #expect(hard.map { $0["AddressOnParent"] } == (0..<disks).map { "\($0)" })
        #expect(hard.allSatisfy { $0["Parent"] == one["InstanceID"] })
        let instances = items.all.compactMap { $0["InstanceID"] }
        #expect(instances.count == items.all.count && Set(instances).count == instances.count)
    }
}

/// The hardware items of an OVF, read without a parser: `<rasd:KEY>VALUE</rasd:KEY>`.
private struct Items {
    var all: [[String: String]] = []

    init(_ document: String) throws {
        let field = try Regex("<rasd:([A-Za-z]+)>([^<]*)</rasd:", as: (Substring, Substring, Substring).self)
        for item in document.split(separator: "<Item>").dropFirst() {
            all.append(Dictionary(item.matches(of: field).map { (String($0.output.1), String($0.output.2)) }) { first, _ in first })
        }
    }
}
