public import ConfigurationTree

/// A disk file of an appliance.
public struct ApplianceDisk: Hashable, Codable, Sendable {
    /// The file's name, beside the descriptor.
    public var fileName: String
    public var fileSize: ByteCount
    /// What the machine sees.
    public var capacity: ByteCount

    public init(fileName: String, fileSize: ByteCount, capacity: ByteCount) {
        self.fileName = fileName
        self.fileSize = fileSize
        self.capacity = capacity
    }
}

/// The Open Virtualization Format's envelope, version 1.1 (DMTF DSP0243 1.1.1), as VirtualBox and VMware import it.
public struct OVFDescriptor: Sendable {
    var group: String
    var machine: String
    var hardware: Hardware
    var disks: [ApplianceDisk]

    public init(group: String, machine: String, hardware: Hardware, disks: [ApplianceDisk]) {
        self.group = group
        self.machine = machine
        self.hardware = hardware
        self.disks = disks
    }

    /// CIM_ResourceAllocationSettingData.ResourceType (DMTF CIM schema).
    private enum ResourceType: Int {
        case processor = 3
        case memory = 4
        case ideController = 5
        case scsiController = 6
        case ethernetAdapter = 10
        case hardDisk = 17
        case otherStorage = 20
    }

    /// The descriptor's text.
    public func document() -> String {
        let files = disks.enumerated().map { index, disk in
            XMLElement(
                "File", ["ovf:id": "file\(index + 1)", "ovf:href": disk.fileName, "ovf:size": "\(disk.fileSize.bytes)"])
        }
        let entries = disks.enumerated().map { index, disk in
            XMLElement(
                "Disk",
                [
                    "ovf:diskId": "disk\(index + 1)", "ovf:fileRef": "file\(index + 1)",
                    "ovf:capacity": "\(disk.capacity.bytes)",
                    "ovf:format": "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized",
                ])
        }
        let networks = [
            XMLElement(
                "Network", ["ovf:name": "network"],
                children: [XMLElement("Description", text: "The network of the machine")])
        ]
        return XMLElement(
            "Envelope",
            [
                "xmlns": "http://schemas.dmtf.org/ovf/envelope/1",
                "xmlns:ovf": "http://schemas.dmtf.org/ovf/envelope/1",
                "xmlns:rasd": "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData",
                "xmlns:vssd": "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData",
                "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "xml:lang": "en-US",
            ],
            children: [
                XMLElement("References", children: files),
                XMLElement("DiskSection", children: [XMLElement("Info", text: "Virtual disks")] + entries),
                XMLElement(
                    "NetworkSection",
                    children: [XMLElement("Info", text: "Networks")]
                        + (hardware.networkInterfaces.isEmpty ? [] : networks)),
                virtualSystem(),
            ]
        ).document()
    }

    private func virtualSystem() -> XMLElement {
        XMLElement(
            "VirtualSystem", ["ovf:id": machine],
            children: [
                XMLElement("Info", text: "The machine \(machine) of the group \(group)"),
                XMLElement("Name", text: machine),
                // 101: CIM_OperatingSystem.OsType "LINUX 64-Bit".
                XMLElement(
                    "OperatingSystemSection", ["ovf:id": "101"],
                    children: [XMLElement("Info", text: "Linux, 64 bits"), XMLElement("Description", text: "Linux")]),
                XMLElement(
                    "VirtualHardwareSection",
                    children: [
                        XMLElement("Info", text: "Virtual hardware"),
                        XMLElement(
                            "System",
                            children: [
                                XMLElement("vssd:ElementName", text: "Virtual Hardware Family"),
                                XMLElement("vssd:InstanceID", text: "0"),
                                XMLElement("vssd:VirtualSystemIdentifier", text: machine),
                                XMLElement("vssd:VirtualSystemType", text: "vmx-10 virtualbox-2.2"),
                            ]),
                    ] + items()),
            ])
    }

    private func items() -> [XMLElement] {
        let controller = "3"
        var items = [
            item(
                .processor, instance: "1", name: "\(hardware.cpus) virtual CPU", quantity: "\(hardware.cpus)",
                units: "hertz * 10^6"),
            item(
                .memory, instance: "2", name: "\(hardware.memory) of memory",
                quantity: "\(hardware.memory.bytes >> 20)", units: "byte * 2^20"),
        ]
        // Controllers that both importers know. They have no virtio, and of theirs PIIX4 is the one that every kernel drives, those that
        // distributions trim for clouds included; it takes two disks here.
        switch disks.count > 2 && hardware.diskController != .scsi ? .sata : hardware.diskController {
        case .scsi:
            items.append(
                item(.scsiController, instance: controller, name: "SCSI controller", address: "0", subtype: "lsilogic"))
        case .ide, .virtio, .nvme:
            items.append(
                item(.ideController, instance: controller, name: "IDE controller", address: "0", subtype: "PIIX4"))
        case .sata:
            items.append(
                item(.otherStorage, instance: controller, name: "SATA controller", address: "0", subtype: "AHCI"))
        }
        for index in disks.indices {
            items.append(
                item(
                    .hardDisk, instance: "\(4 + index)", name: "Hard disk \(index + 1)", parent: controller,
                    addressOnParent: "\(index)",
                    hostResource: "ovf:/disk/disk\(index + 1)"))
        }
        for (index, interface) in hardware.networkInterfaces.enumerated() {
            let subtype =
                switch interface.model {
                case .virtio, .e1000: "E1000"
                case .e1000e: "E1000e"
                case .vmxnet3: "VmxNet3"
                }
            items.append(
                item(
                    .ethernetAdapter, instance: "\(4 + disks.count + index)",
                    name: "Network interface \(interface.name)", subtype: subtype,
                    connection: "network", isAllocated: true))
        }
        return items
    }

    /// RASD elements come in alphabetic order, as the schema has them.
    private func item(
        _ type: ResourceType, instance: String, name: String, quantity: String? = nil, units: String? = nil,
        address: String? = nil,
        subtype: String? = nil, parent: String? = nil, addressOnParent: String? = nil, hostResource: String? = nil,
        connection: String? = nil,
        isAllocated: Bool = false
    ) -> XMLElement {
        let fields: [(String, String?)] = [
            ("Address", address), ("AddressOnParent", addressOnParent), ("AllocationUnits", units),
            ("AutomaticAllocation", isAllocated ? "true" : nil),
            ("Connection", connection), ("ElementName", name), ("HostResource", hostResource), ("InstanceID", instance),
            ("Parent", parent),
            ("ResourceSubType", subtype), ("ResourceType", "\(type.rawValue)"), ("VirtualQuantity", quantity),
        ]
        return XMLElement(
            "Item", children: fields.compactMap { key, value in value.map { XMLElement("rasd:\(key)", text: $0) } })
    }
}
