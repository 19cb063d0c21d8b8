extension InvalidationRow {
    public static let table: [InvalidationRow] =
        hardware + disks + boot + outputs + installation + yum + packages + composition + links + groups + host + neighbours

    // MARK: machine.yaml

    private static let hardware = [
        InvalidationRow("hardware.cpus", "echo 'hardware: {cpus: 2}' >> $three/machine.yaml", three("appliance archive publish")),
        InvalidationRow("hardware.memory", "echo 'hardware: {memory: 2GiB}' >> $three/machine.yaml", three("appliance archive publish")),
        InvalidationRow("hardware.firmware", "echo 'hardware: {firmware: uefi}' >> $three/machine.yaml", three("appliance archive publish")),
        InvalidationRow(
            "hardware.diskController", "echo 'hardware: {diskController: sata}' >> $three/machine.yaml", three("appliance archive publish")),
        InvalidationRow(
            "hardware.networkInterfaces", "echo 'hardware: {networkInterfaces: [{name: eth0, model: e1000}]}' >> $three/machine.yaml",
            three("appliance archive publish")),
        InvalidationRow(
            "hardware.architecture", "echo 'hardware: {architecture: i686}' >> $three/machine.yaml", three("appliance archive publish")),
        InvalidationRow("hardware of a machine of which no description is made", "echo 'hardware: {cpus: 2}' >> $two/machine.yaml"),
    ]

    private static func disk(_ yaml: String) -> String { "echo 'disks: [\(yaml)]' >> $two/machine.yaml" }

    private static let disks = [
        InvalidationRow("disks.size", disk("{size: 65MiB}"), two("disks")),
        InvalidationRow("disks.name", disk("{name: other, size: 64MiB}"), two("compose disk image:other.raw publish")),
        InvalidationRow("disks.table", disk("{size: 64MiB, table: mbr}"), two("disks")),
        InvalidationRow(
            "a second disk", disk("{size: 64MiB}, {name: data, size: 8MiB, partitions: []}"), two("disks image:data.raw")),
        InvalidationRow(
            "a partition and its mount point", disk("{size: 64MiB, partitions: [{mount: /, size: 40MiB}, {mount: /data}]}"), two("made")),
        InvalidationRow("a partition of swap", disk("{size: 64MiB, partitions: [{mount: /}, {filesystem: swap, size: 8MiB}]}"), two("made")),
        InvalidationRow("partitions.size", disk("{size: 64MiB, partitions: [{mount: /, size: 40MiB}]}"), two("disks")),
        InvalidationRow("partitions.label", disk("{size: 64MiB, partitions: [{mount: /, label: new}]}"), two("disks")),
        InvalidationRow(
            "partitions.uuid", disk("{size: 64MiB, partitions: [{mount: /, uuid: 0a1b2c3d-0000-4000-8000-000000000000}]}"), two("made")),
        InvalidationRow("partitions.mountOptions", disk("{size: 64MiB, partitions: [{mount: /, mountOptions: [noatime]}]}"), two("made")),
        InvalidationRow(
            "partitions.features", disk("{size: 64MiB, partitions: [{mount: /, features: [^resize_inode]}]}"), two("disks")),
        InvalidationRow("the disks of an appliance", "echo 'disks: [{size: 65MiB}]' >> $three/machine.yaml", three("disks")),
        InvalidationRow(
            "a second disk of an appliance", "echo 'disks: [{size: 64MiB}, {name: data, size: 8MiB, partitions: []}]' >> $three/machine.yaml",
            three("disks image:data.vmdk")),
        InvalidationRow("the same disks, written out", disk("{name: system, size: 65536KiB, table: gpt, partitions: [{mount: /, size: rest}]}")),
    ]

    private static let boot = [
        InvalidationRow("boot.kernelArguments", "sed -i 's/grub}/grub, kernelArguments: [quiet]}/' $two/machine.yaml", two("made")),
        InvalidationRow("boot.init", "sed -i 's/grub}/grub, init: false}/' $two/machine.yaml", two("made")),
        InvalidationRow("boot.loader", "sed -i 's/grub/none/' $two/machine.yaml", two("made")),
        InvalidationRow(
            "a partition for /boot", "echo 'disks: [{size: 64MiB, partitions: [{mount: /boot, size: 20MiB}, {mount: /}]}]' >> $two/machine.yaml",
            two("made")),
        InvalidationRow("machineId", "echo 'machineId: uninitialized' >> $two/machine.yaml", two("made")),
        InvalidationRow("kernel arguments without a boot loader", "echo 'boot: {kernelArguments: [quiet]}' >> $three/machine.yaml"),
    ]

    private static let outputs = [
        InvalidationRow("an output more", "sed -i 's/raw/raw, qcow2/' $two/machine.yaml", two("image:system.qcow2 publish")),
        InvalidationRow("an output less", "echo 'outputs: [vmdk]' > $three/machine.yaml", three("publish")),
        InvalidationRow(
            "an appliance beside a qcow2", "echo 'outputs: [qcow2, ovf]' >> $one/machine.yaml",
            one("compose image:system.vmdk appliance:one.ovf publish")),
        InvalidationRow(
            "outputs of the command line", "true", one("image:system.raw publish"), three("image:system.raw publish")
        ).arguments("--output", "raw"),
        InvalidationRow("another writer of disks", "true", one("disks"), two("disks"), three("disks")).arguments("--disk-writer", "loop"),
    ]

    private static let installation = [
        InvalidationRow("excludedPaths", "echo 'excludedPaths: [/usr/share/a/unwanted]' >> $two/machine.yaml", two("all")),
        InvalidationRow(
            "a tolerated scriptlet more", #"printf 'toleratedScriptlets:\n- {package: b, scriptlet: "%%post", reason: none}\n' >> $one/machine.yaml"#,
            one("all")),
        InvalidationRow("the reason of a tolerated scriptlet", "sed -i 's/reason: first/reason: second/' $two/machine.yaml")
            .says("bad-1-1.noarch %post failed, and is tolerated: second"),
        InvalidationRow("a setting that scriptlets alone can read", "echo 'scriptletTimeLimit: 60' >> $one/machine.yaml", one("compose publish")),
        InvalidationRow("a tolerated warning more", #"printf 'toleratedWarnings:\n- {warning: x, reason: none}\n' >> $two/machine.yaml"#),
        InvalidationRow("scriptletTimeLimit", "echo 'scriptletTimeLimit: 60' >> $two/machine.yaml"),
        InvalidationRow("SOURCE_DATE_EPOCH", "true", one("all"), two("all"), three("made")).environment(["SOURCE_DATE_EPOCH": "1600000000"]),
    ]

    // MARK: yum/

    private static let template = "$templates/yum/yum.conf.template"
    private static let repository = "$templates/yum/repositories/r.repo"

    /// Scriptlets of `one` can read its yum/, so that it composes again whatever changes there; the others have no scriptlets.
    private static let yum = [
        InvalidationRow("tsflags", "echo tsflags=nodocs >> \(template)", one("all"), two("all"), three("made")),
        InvalidationRow("tsflags=nocontexts", "echo tsflags=nocontexts >> \(template)", one("all"), two("all"), three("made")),
        InvalidationRow("override_install_langs", "echo override_install_langs=en >> \(template)", one("all"), two("all"), three("made")),
        InvalidationRow("a comment of yum.conf.template", "echo '# comment' >> \(template)", one("compose publish")),
        InvalidationRow("options of yum.conf that change no package", "echo best=1 >> \(template)", one("compose publish")),
        InvalidationRow(
            "the repository moved with the same packages", "mv ../repository ../moved; sed -i 's,/repository$,/moved,' \(repository)",
            one("compose publish")),
        InvalidationRow("the repository's id", "sed -i 's/^\\[r\\]/[renamed]/' \(repository)", one("compose publish")),
        InvalidationRow("the repository's cost", "echo cost=10 >> \(repository)", one("compose publish")),
        InvalidationRow("gpgcheck", "sed -i 's/gpgcheck=1/gpgcheck=0/' \(repository)", one("all"), two("all"), three("made")),
        InvalidationRow(
            "another key in the keyring", "cp ../theirs.asc $templates/yum/keys; sed -i 's/^gpgkey=\\(.*\\)ours.asc/& \\1theirs.asc/' \(repository)",
            one("all"), two("all"), three("made")),
        InvalidationRow("a key's file", "sed -i '2i Comment: new\\n' $templates/yum/keys/ours.asc", one("all"), two("all"), three("made")),
        InvalidationRow("a key that no repository names", "cp ../theirs.asc $templates/yum/keys", one("compose publish")),
        InvalidationRow("a variable", "echo 2 > $templates/yum/vars/unused", one("compose publish")),
        InvalidationRow(
            "localpkg_gpgcheck with an unsigned local package", "echo localpkg_gpgcheck=1 >> \(template)", one("fetch")
        )
        .failing("local-1-1.noarch: not signed"),
    ]

    private static let packages = [
        InvalidationRow("packages", "echo b >> $two/packages", two("all")),
        InvalidationRow("a comment and the order of packages", #"printf 'kernel\n# comment\nbad\na\n' > $two/packages"#),
        InvalidationRow(
            "a package upgraded", "cp ../b2/*.rpm ../repository; createrepo_c --quiet --revision 1 --set-timestamp-to-revision ../repository",
            one("all")),
        InvalidationRow(
            "a package rebuilt with the same version",
            "cp ../b1/*.rpm ../repository; createrepo_c --quiet --revision 1 --set-timestamp-to-revision ../repository",
            one("all")),
        InvalidationRow(
            "a package that no machine has",
            "cp ../local2/*.rpm ../repository; createrepo_c --quiet --revision 1 --set-timestamp-to-revision ../repository"),
        InvalidationRow("a local package", "cp ../local2/*.rpm $one/rpms/local.rpm", one("all")),
        InvalidationRow("the name of a local package's file", "mv $one/rpms/local.rpm $one/rpms/renamed.rpm", one("compose publish")),
        InvalidationRow("packages.lock without --locked", "echo unread > $two/packages.lock"),
    ]

    // MARK: The tree's other files

    private static func permissions(_ field: String, _ edit: String, of layer: String, _ stages: [String]) -> InvalidationRow {
        InvalidationRow("\(field) in permissions of an \(layer)", "sed -i '\(edit)' $one/root-\(layer)s/*.permissions", stages)
    }

    private static let composition = [
        InvalidationRow("devices", "echo '/dev/new p 660' >> $two/devices", two("made")),
        InvalidationRow("the kind of a device", "echo '/dev/fifo c 660 1 3' > $one/devices", one("made")),
        InvalidationRow("the permissions of a device", "echo '/dev/fifo p 600' > $one/devices", one("made")),
        InvalidationRow("a comment of devices", "echo '# comment' >> $two/devices"),
        InvalidationRow("init", "rm $two/init; printf '#!/bin/sh\\n:\\n' > $two/init; chmod 755 $two/init", two("made")),
        InvalidationRow(
            "a scriptlet", "echo 'echo more >> \"$generatedMachineRootOverlaysPath/generated/etc/key\"' >> $templates/scriptlets/10-files",
            one("made")),
        InvalidationRow("a comment of a scriptlet", "echo '# comment' >> $templates/scriptlets/10-files", one("compose publish")),
        InvalidationRow("a scriptlet more", "echo : > $one/generator-scriptlets/20-nothing", one("compose publish")),
        InvalidationRow("a function", "echo '# comment' >> ../functions/users.functions", one("compose publish")),
        InvalidationRow("an underlay", "echo new > $one/root-underlays/under/srv/under", one("all")),
        InvalidationRow("permissions of an underlay", "sed -i s/0640/0600/ $one/root-underlays/under.permissions", one("all")),
        InvalidationRow("an overlay", "echo new > $one/root-overlays/site/etc/site", one("made")),
        InvalidationRow("a neighbour's overlay", "echo new > $two/root-overlays/site/etc/two", two("made")),
        InvalidationRow("permissions of an overlay", "sed -i s/0640/0600/ $one/root-overlays/site.permissions", one("made")),
        permissions("owner", "s/ root root/ 12 root/", of: "overlay", one("made")),
        permissions("owner", "s/ root root/ 12 root/", of: "underlay", one("all")),
        permissions("group", "s/ root root/ root 12/", of: "overlay", one("made")),
        permissions("group", "s/ root root/ root 12/", of: "underlay", one("all")),
        permissions("capabilities", "s/0640/& cap_net_raw=ep/", of: "overlay", one("made")),
        permissions("capabilities", "s/0640/& cap_net_raw=ep/", of: "underlay", one("all")),
        permissions("path", "i /etc root root 0750", of: "overlay", one("made")),
        permissions("path", "i /srv root root 0750", of: "underlay", one("all")),
        InvalidationRow("an overlay's name", "mv $two/root-overlays/site $two/root-overlays/renamed"),
        InvalidationRow("a hidden file at the top of an overlay", "echo hidden > $two/root-overlays/site/.gitignore"),
        InvalidationRow("a hidden file deeper in an overlay", "echo hidden > $two/root-overlays/site/etc/.hidden", two("made")),
        InvalidationRow("a hidden file that scriptlets can read", "echo hidden > $one/root-overlays/site/.gitignore", one("compose publish")),
        InvalidationRow("an executable bit", "chmod a+x $two/root-overlays/site/etc/two", two("made")),
        InvalidationRow("the umask of the checkout", "chmod -R g+w,o-rwx .").comparingCleanBuild(),
        InvalidationRow("times of files", "find . -exec touch -h {} +"),
        InvalidationRow("suid.whitelist", "echo /none > $one/suid.whitelist", one("made")),
        InvalidationRow("guid.whitelist", "echo /none > $one/guid.whitelist", one("made")),
        InvalidationRow("a whitelist where none was", "touch $two/suid.whitelist", two("made")),
        InvalidationRow("tests", "echo : >> $two/tests/run"),
        InvalidationRow("a folder of a machine without scriptlets that has no meaning", "mkdir $two/notes; echo note > $two/notes/note"),
    ]

    private static let links = [
        InvalidationRow("a file behind a symlink into templates", "echo new > $templates/secrets/key", one("made")),
        InvalidationRow("a file behind a symlink, which scriptlets do not use", "echo new > $templates/secrets/unused", one("compose publish")),
        InvalidationRow("an overlay behind a symlink into templates", "echo new > $templates/overlays/common/etc/common", one("made")),
        InvalidationRow("a template that nothing reaches", "mkdir $templates/new; echo new > $templates/new/file"),
        InvalidationRow(
            "a symlink of the tree to equal content", "cp -r $templates/secrets $templates/equal; ln -sfn ../../../templates/equal $one/secrets",
            one("compose publish")),
        InvalidationRow("a symlink out of the tree", "ln -s /etc/hostname $one/out", one("compose publish")),
        InvalidationRow("a symlink's target in an overlay", "ln -sfn other $one/root-overlays/site/etc/link", one("made")),
        InvalidationRow(
            "a symlink's target that is not UTF-8", #"ln -sfn "$(printf '/srv/\376')" $one/root-overlays/site/etc/bytes"#, one("made")),
        InvalidationRow(
            "a file's name that is not UTF-8",
            #"mv "$two/root-overlays/site/etc/$(printf '\377')" "$two/root-overlays/site/etc/$(printf '\376')""#, two("made")),
    ]

    private static let groups = [
        InvalidationRow("packages of a group", "echo b >> $other/packages", three("all")),
        InvalidationRow("devices of a group", "echo '/dev/new p 660' >> $other/devices", three("made")),
        InvalidationRow("an overlay of a group", "echo new > $other/root-overlays/site/etc/group-site", three("made")),
        InvalidationRow(
            "an underlay of a group", "mkdir -p $other/root-underlays/new/srv; echo new > $other/root-underlays/new/srv/new", three("all")),
        InvalidationRow(
            "a scriptlet of a group",
            #"cd $other; mkdir generator-scriptlets; echo 'd=$generatedMachineGroupRootOverlaysPath/new/etc; mkdir -p "$d"; echo x > "$d/x"' > generator-scriptlets/10"#,
            three("made")),
        InvalidationRow("suid.whitelist of a group", "echo /none > $other/suid.whitelist", three("made")),
        InvalidationRow("guid.whitelist of a group", "echo /none > $other/guid.whitelist", three("made")),
        InvalidationRow("a group's hardware", "echo 'hardware: {cpus: 4}' >> $other/machine-group.yaml", three("appliance archive publish")),
        InvalidationRow("a group's disks", "sed -i 's/64MiB/66MiB/' $group/machine-group.yaml", one("made"), two("disks")),
        InvalidationRow("a machine that is renamed", "mv $two $group/machines/renamed").appending([
            "g/renamed compose", "g/renamed disk", "g/renamed image system.raw", "g/renamed publish",
        ]),
        InvalidationRow(
            "a machine of another group with the same packages",
            "cp -a $two $other/machines/four; echo a > $other/machines/four/packages"
        )
        .appending(["h/four compose", "h/four disk", "h/four image system.raw", "h/four publish"]),
    ]

    // MARK: The host

    private static func library(_ prefix: String) -> String {
        """
        for library in $(ldconfig -p | awk -v prefix=\(prefix) 'index($1, prefix) == 1 { print $NF }' | xargs realpath | sort -u); do
            copy="../${library##*/}"; cp "$library" "$copy"; echo >> "$copy"; mount --bind "$copy" "$library"
        done
        """
    }

    private static let host = [
        InvalidationRow("/etc/mke2fs.conf", "printf '[defaults]\\nbase_features = none\\ninode_size = 128\\n' > ../mke2fs.conf")
            .host("mount --bind ../mke2fs.conf /etc/mke2fs.conf").comparingCleanBuild(),
        InvalidationRow("another qemu-img", "again qemu-img", one("image publish"), three("image appliance archive publish")),
        InvalidationRow("another mkfs.ext4", "again mkfs.ext4", one("disks"), two("disks"), three("disks")),
        InvalidationRow("another sfdisk", "again sfdisk", one("disks"), two("disks"), three("disks")),
        InvalidationRow("another grub-mkimage", "again grub-mkimage", two("disks")),
        InvalidationRow("another tar", "again tar", three("archive publish")),
        InvalidationRow("another bash", "again bash", one("compose publish")),
        InvalidationRow("another rm", "again rm"),
        InvalidationRow("GRUB's modules", "cp -r /usr/lib/grub/i386-pc ../modules; touch ../modules/new", two("disks"))
            .host("mount --bind ../modules /usr/lib/grub/i386-pc"),
        InvalidationRow("rpm's macros", "cp /usr/lib/rpm/macros ..; echo '# comment' >> ../macros", one("all"), two("all"), three("made"))
            .host("mount --bind ../macros /usr/lib/rpm/macros"),
        InvalidationRow("another librpm", "true", one("all"), two("all"), three("made")).host(library("librpm.so")),
        InvalidationRow("another libselinux", "true", one("compose publish"), two("compose publish"), three("compose publish"))
            .host(library("libselinux.so")),
        InvalidationRow("another libext2fs", "true", one("disks"), two("disks"), three("disks")).host(library("libext2fs.so")),
        InvalidationRow("another libcurl", "true").host(library("libcurl")),
        InvalidationRow("the host's name, clock and home", "true").host("hostname matrix").environment(["HOME": "/nonexistent", "TZ": "Asia/Tokyo"]),
    ]

    // MARK: Rows that compare

    private static let neighbours = [
        InvalidationRow("nothing", "true"),
        InvalidationRow("nothing, with --verify", "true").arguments("--verify"),
    ]

    private func appending(_ stages: [String]) -> InvalidationRow {
        var row = self
        row.stages += stages
        return row
    }
}
