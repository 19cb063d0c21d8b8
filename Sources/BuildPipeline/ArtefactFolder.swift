import Appliances
import BuildStore
import ConfigurationTree
import DiskImages
import Foundation
import Glibc
import HostSystem
import SystemPackage

/// What is in an artefact folder, and of which inputs it was made: `manifest.json`.
struct ArtefactManifest: Codable {
    static let name = "manifest.json"

    var identity: Identity
    var artefacts: [Artefact]

    init(identity: Identity, artefacts: [Artefact]) {
        self.identity = identity
        self.artefacts = artefacts
    }

    init?(in folder: FilePath) {
        guard let bytes = try? readBytes(folder.appending(Self.name)),
            let manifest = try? JSONDecoder().decode(Self.self, from: Data(bytes))
        else { return nil }
        self = manifest
    }
}

/// A machine's `artefacts/`: replaced whole, and only when everything succeeded.
struct ArtefactFolder {
    var machine: Machine
    var outputs: [OutputFormat]
    var plan: DiskPlan
    var options: BuildOptions
    /// What the artefacts are made of.
    var cache: StageCache

    func make(raws: [FilePath], identity: Identity, at folder: FilePath) async throws -> [Artefact] {
        let rm = try options.tools.tool("rm")
        let fresh = FilePath("\(folder).new")
        let old = FilePath("\(folder).old")
        try await rm.run(["-rf", "--one-file-system", fresh.string, old.string])
        try createDirectories(fresh)
        var made: [(name: String, format: String)] = []
        let converter = try ImageConverter(options.tools)
        let wantsOVF = outputs.contains(.ovf) || outputs.contains(.ova)
        var calls: [ArtefactsJob.Call] = []
        for (format, diskFormat) in formats(wantsOVF: wantsOVF) {
            for (disk, raw) in zip(plan.disks, raws) {
                let name = "\(baseName(disk)).\(diskFormat.fileExtension)"
                calls += converter.calls(raw, to: diskFormat, output: fresh.appending(name))
                made.append((name, format))
            }
        }
        try await perform(calls, in: folder)
        if wantsOVF { made += try await describe(in: fresh) }
        let artefacts = made.map {
            Artefact(path: folder.appending($0.name), format: $0.format, size: size(fresh.appending($0.name)))
        }
        try writeAtomically(
            try prettyJSON(ArtefactManifest(identity: identity, artefacts: artefacts)),
            to: fresh.appending(ArtefactManifest.name))
        // Once for all stages: the old artefacts go now, and nobody should find half of the new ones after a power cut.
        try await offPool { [cache] in try cache.reachDisk() }
        if rename(folder.string, old.string) != 0, errno != ENOENT { throw FileError(folder, Errno(rawValue: errno)) }
        guard rename(fresh.string, folder.string) == 0 else { throw FileError(folder, Errno(rawValue: errno)) }
        try await offPool { try syncFolder(folder.removingLastComponent()) }
        try await rm.run(["-rf", "--one-file-system", old.string])
        return artefacts
    }

    /// - Parameter folder: of the machine's cache.
    private func perform(_ calls: [ArtefactsJob.Call], in folder: FilePath) async throws {
        guard !calls.isEmpty else { return }
        _ = try await options.worker.run(ArtefactsJob(calls: calls, machineCache: folder.removingLastComponent()))
    }

    /// The disk formats that the outputs need, each once.
    private func formats(wantsOVF: Bool) -> [(String, DiskFormat)] {
        var formats: [(String, DiskFormat)] = []
        for output in outputs {
            switch output {
            case .raw: formats.append(("raw", .raw))
            case .qcow2: formats.append(("qcow2", .qcow2))
            case .vdi: formats.append(("vdi", .vdi))
            case .vhdx: formats.append(("vhdx", .vhdx))
            case .vmdk, .ovf, .ova: break
            }
        }
        if wantsOVF || outputs.contains(.vmdk) { formats.append(("vmdk", .streamOptimizedVMDK)) }
        return formats
    }

    private func baseName(_ disk: PlannedDisk) -> String {
        plan.disks.count == 1 ? machine.name : "\(machine.name)-\(disk.name)"
    }

    private func size(_ path: FilePath) -> ByteCount {
        var status = stat()
        return stat(path.string, &status) == 0 ? ByteCount(UInt64(status.st_size)) : ByteCount(0)
    }

    /// The OVF descriptor, its manifest, and the OVA that holds all.
    private func describe(in folder: FilePath) async throws -> [(name: String, format: String)] {
        let disks = plan.disks.map { disk in
            let name = "\(baseName(disk)).vmdk"
            return ApplianceDisk(fileName: name, fileSize: size(folder.appending(name)), capacity: disk.size)
        }
        let descriptor = "\(machine.name).ovf"
        let manifest = "\(machine.name).mf"
        let document = OVFDescriptor(
            group: machine.groupName, machine: machine.name, hardware: machine.description.hardware, disks: disks
        ).document()
        try writeAtomically(document.utf8, to: folder.appending(descriptor))
        // DSP0243 1.1.1 section 5.1: SHA-1, "SHA1(file)= digest" a line.
        let lines = try ([descriptor] + disks.map(\.fileName)).map {
            "SHA1(\($0))= \(try Checksum(.sha1, ofFile: folder.appending($0)).hexadecimal)\n"
        }
        try writeAtomically(lines.joined().utf8, to: folder.appending(manifest))
        var made = [(descriptor, "ovf"), (manifest, "mf")]
        if outputs.contains(.ova) {
            // The descriptor comes first (section 5.3); owners and times say nothing.
            let archive = "\(machine.name).ova"
            let create =
                [
                    "--create", "--file", folder.appending(archive).string, "--directory", folder.string,
                    "--format=ustar", "--owner=0", "--group=0",
                    "--numeric-owner", "--mode=0644", "--mtime=@\(options.sourceDateEpoch)", descriptor, manifest,
                ] + disks.map(\.fileName)
            try await perform([ArtefactsJob.Call(try options.tools.tool("tar"), create)], in: folder)
            made.append((archive, "ova"))
        }
        return made
    }
}
