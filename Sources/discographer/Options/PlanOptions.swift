import ArgumentParser
import BuildPipeline
import ConfigurationTree
import DiskImages

/// Options that change the stages of a build: of `build` and `plan`.
struct PlanOptions: ParsableArguments {
    @Option(
        name: .customLong("output"),
        help: "A format to make instead of what machine.yaml says; may be given several times.")
    var outputs: [OutputFormat] = []

    @Option(
        name: .customLong("disk-writer"),
        help: "How files get onto disks: direct (libext2fs, the default), loop (mounted, as root) or guestfs (libguestfs).")
    var diskWriter: DiskWriterKind?

    @Flag(help: "Install exactly what each machine's packages.lock says.")
    var locked = false

    @Flag(help: "Read cached results and artefacts whole before they are used; what is damaged is made again.")
    var verify = false

    @Flag(help: StrictOption.help)
    var strict = false

    func apply(to options: inout BuildOptions) {
        options.outputs = outputs.isEmpty ? nil : outputs
        options.diskWriter = diskWriter ?? .direct
        options.locked = locked
        options.verifies = verify
        options.isStrict = strict
    }
}

/// `--strict` of the commands that have it.
enum StrictOption {
    static let help: ArgumentHelp = "Take warnings for errors, but for those that 'toleratedWarnings' of machine.yaml expects."
}
