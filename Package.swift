// swift-tools-version: 6.2
import PackageDescription

/// In CI a warning is an error; on a developer's machine it stays a warning, so that
/// half-written code can be run.
let strictness: [SwiftSetting] =
    Context.environment["CI"] == "true" ? [.treatAllWarnings(as: .error)] : []

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + strictness

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// What is linked and how much of it is touched at the start counts in every run's time and memory (docs/benchmarks.md):
/// no library that nothing is used of, no table of symbols for plug-ins, and relocations in the packed form, which lld alone writes.
let linking: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "--as-needed", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker",
            "pack-relative-relocs",
        ],
        .when(platforms: [.linux], configuration: .release))
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies + [system], swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies + [system],
        swiftSettings: settings)
}

let package = Package(
    name: "discographer",
    products: [
        .executable(name: "discographer", targets: ["discographer"]),
        .executable(name: "discographer-worker", targets: ["discographer-worker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Programs. `discographer-worker` is what the pipeline runs inside namespaces.
        .executableTarget(
            name: "discographer",
            dependencies: [
                "BuildPipeline", "BuildGraph", "BuildStore", "Appliances", "DiskImages", "PackageResolution", "ConfigurationTree", "HostSystem",
                arguments, system,
            ],
            swiftSettings: settings, linkerSettings: linking),
        .executableTarget(
            name: "discographer-worker",
            dependencies: ["PackageInstallation", "RootFilesystem", "DiskImages", "DiskWriting", "HostSystem", system],
            swiftSettings: settings, linkerSettings: linking),

        // The pipeline and its stages, top down.
        library(
            "BuildPipeline",
            [
                "Appliances", "BuildGraph", "DiskImages", "PackageInstallation", "PackageResolution", "RootFilesystem",
                "ConfigurationTree", "BuildStore", "HostSystem",
            ]),
        library("BuildGraph", ["BuildStore", "HostSystem"]),
        library("Appliances", ["CXML2", "ConfigurationTree", "DiskImages", "BuildStore", "HostSystem", subprocess]),
        library("DiskImages", ["ConfigurationTree", "BuildStore", "HostSystem"]),
        library("DiskWriting", ["CExt2FS", "CGuestfs", "DiskImages", "ConfigurationTree", "HostSystem"]),
        library("PackageInstallation", ["CRPM", "CShadow", "CStored", "OpenPGP", "ConfigurationTree", "BuildStore", "HostSystem"]),
        library(
            "PackageResolution", ["CSolv", "CCurl", "OpenPGP", "ConfigurationTree", "BuildStore", "HostSystem", yams]),
        library("RootFilesystem", ["CCap", "CSELinux", "ConfigurationTree", "BuildStore", "HostSystem"]),
        library("OpenPGP", []),
        library("ConfigurationTree", [yams]),
        library("BuildStore", ["CCrypto", "HostSystem"]),
        library("HostSystem", ["CLinux", subprocess]),

        // C libraries: each is imported by exactly one target above.
        .target(name: "CLinux", dependencies: ["LibSeccomp"]),
        .systemLibrary(name: "LibSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CRPM", pkgConfig: "rpm", providers: [.apt(["librpm-dev"])]),
        .systemLibrary(name: "CShadow"),
        .systemLibrary(name: "CSolv", pkgConfig: "libsolvext", providers: [.apt(["libsolvext-dev"])]),
        .systemLibrary(name: "CExt2FS", pkgConfig: "ext2fs", providers: [.apt(["libext2fs-dev"])]),
        .systemLibrary(name: "CCap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(name: "CSELinux", pkgConfig: "libselinux", providers: [.apt(["libselinux1-dev"])]),
        .target(name: "CStored", dependencies: ["LibLZMA"]),
        .systemLibrary(name: "LibLZMA", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
        .target(name: "CXML2", dependencies: ["LibXML2"]),
        .systemLibrary(name: "LibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        // Not linked to their libraries, which are loaded when they are needed: what is built needs the header of libcurl (libcurl4-openssl-dev), and none of libguestfs.
        .target(name: "CCurl"),
        .target(name: "CGuestfs"),

        // Unit tests: no privileges, no network, no images; all of them in under a minute.
        tests("ConfigurationTree", []),
        tests("BuildStore", [subprocess]),
        tests("OpenPGP", []),
        tests("HostSystem", []),
        tests("DiskImages", ["DiskWriting", "ConfigurationTree", "HostSystem"]),
        tests("Appliances", ["ConfigurationTree", "HostSystem"]),
        tests("PackageInstallation", ["HostSystem"]),
        tests("PackageResolution", ["ConfigurationTree", "BuildStore", "HostSystem"]),
        tests("RootFilesystem", []),
        tests(
            "BuildPipeline",
            [
                "BuildGraph", "BuildStore", "ConfigurationTree", "DiskImages", "HostSystem", "InvalidationMatrix", "PackageInstallation",
                "PackageResolution",
                "RootFilesystem",
            ]),
        // What changes of inputs run again: a table for both kinds of tests.
        // SwiftPM builds it with the programs; optimised, it would keep a core busy for eight seconds.
        .target(name: "InvalidationMatrix", path: "Tests/InvalidationMatrix", swiftSettings: settings + [.unsafeFlags(["-Onone"])]),

        // Real packages, loop devices and boots; only with DISCOGRAPHER_INTEGRATION=1 (`make test`).
        .testTarget(
            name: "RootFilesystemIntegrationTests",
            dependencies: ["RootFilesystem", "BuildStore", "ConfigurationTree", "HostSystem", "discographer-worker", system],
            swiftSettings: settings),
        .testTarget(
            name: "PackageInstallationIntegrationTests",
            dependencies: ["PackageInstallation", "ConfigurationTree", "HostSystem", "discographer-worker", system],
            swiftSettings: settings),
        .testTarget(
            name: "CorpusIntegrationTests",
            dependencies: ["PackageInstallation", "ConfigurationTree", "HostSystem", "discographer-worker", system],
            swiftSettings: settings),
        .testTarget(
            name: "BuildIntegrationTests",
            dependencies: ["discographer", "discographer-worker", "InvalidationMatrix", subprocess, system],
            swiftSettings: settings),
    ]
)
