"""Small repositories full of what seldom meets in real ones, made by chance: metadata alone, written as createrepo writes it."""
import hashlib
import os
from xml.sax.saxutils import escape, quoteattr

NAMES = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "ibis", "jay", "kite", "lynx", "mole", "newt", "owl", "pig", "rat", "seal",
         "tern", "vole", "wren", "yak"]
FILES = ["/usr/bin/{}", "/etc/{}.conf", "/usr/share/{}/data", "/usr/lib64/{}.so", "/opt/{}"]
KINDS = ["requires", "requires", "requires", "recommends", "recommends", "suggests", "supplements", "enhances", "conflicts", "obsoletes",
         "provides"]
RELATIONS = {"<": "LT", "<=": "LE", "=": "EQ", ">=": "GE", ">": "GT"}


def capability(chance):
    name = chance.choice(NAMES)
    kind = chance.random()
    if kind < 0.45:
        return name
    if kind < 0.65:
        return f"{name} {chance.choice(list(RELATIONS))} {chance.randint(1, 3)}-{chance.randint(1, 2)}"
    if kind < 0.80:
        return f"virtual({chance.choice(NAMES[:6])})"
    return chance.choice(FILES).format(name)


def dependency(chance, kind):
    if kind in ("obsoletes", "provides"):
        text = capability(chance)
        return text if kind == "provides" or not text.startswith(("/", "virtual")) else chance.choice(NAMES)
    if chance.random() < 0.2:
        word = chance.choice(["or", "and", "if", "unless", "with", "if-else"])
        parts = [capability(chance) for _ in range(3)]
        if word == "if-else":
            return f"({parts[0]} if {parts[1]} else {parts[2]})"
        if word == "unless" and kind == "requires" or word == "if" and kind == "conflicts":
            word = "or"
        return f"({parts[0]} {word} {parts[1]})"
    return capability(chance)


def packages(chance, count):
    """Dictionaries; no two of the same name, version and architecture."""
    made = {}
    while len(made) < count:
        name = chance.choice(NAMES)
        one = {"name": name, "epoch": chance.choice([0, 0, 0, 1]), "version": str(chance.randint(1, 3)),
               "release": str(chance.randint(1, 2)), "arch": chance.choice(["noarch", "x86_64", "x86_64", "i686"]), "modular": False}
        one["dependencies"] = [(kind, dependency(chance, kind)) for kind in chance.choices(KINDS, k=chance.choice([0, 1, 1, 2, 3, 5]))]
        if chance.random() < 0.3:
            one["dependencies"].append(("provides", f"virtual({chance.choice(NAMES[:6])})"))
        one["files"] = [pattern.format(name) for pattern in FILES if chance.random() < 0.4]
        made[tuple(one[key] for key in ("name", "epoch", "version", "release", "arch"))] = one
    return list(made.values())


def entry(text):
    words = text.split()
    if text.startswith("(") or len(words) != 3:
        return f"<rpm:entry name={quoteattr(text)}/>"
    version, _, release = words[2].partition("-")
    return (f'<rpm:entry name={quoteattr(words[0])} flags="{RELATIONS[words[1]]}" epoch="0" ver="{version}"'
            + (f' rel="{release}"' if release else "") + "/>")


def primary_and_filelists(all_packages):
    primary = ['<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" '
               f'packages="{len(all_packages)}">']
    filelists = [f'<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="{len(all_packages)}">']
    for one in all_packages:
        evr = f"{one['epoch']}:" if one["epoch"] else ""
        evr += f"{one['version']}-{one['release']}"
        digest = hashlib.sha256(f"{one['name']}-{evr}.{one['arch']}".encode()).hexdigest()
        version = f'<version epoch="{one["epoch"]}" ver="{one["version"]}" rel="{one["release"]}"/>'
        primary.append(
            f'<package type="rpm"><name>{one["name"]}</name><arch>{one["arch"]}</arch>{version}'
            f'<checksum type="sha256" pkgid="YES">{digest}</checksum><summary>s</summary><description>d</description><packager/><url/>'
            f'<time file="1" build="1"/><size package="1" installed="1" archive="1"/><location href="{one["name"]}-{evr}.{one["arch"]}.rpm"/>'
            "<format><rpm:license>l</rpm:license><rpm:vendor/><rpm:group/><rpm:buildhost/><rpm:sourcerpm/>")
        dependencies = one["dependencies"] + [("provides", f"{one['name']} = {evr.split(':')[-1]}" if not one["epoch"] else "")]
        by_kind = {}
        for kind, text in dependencies:
            if text:
                by_kind.setdefault(kind, []).append(entry(text))
        if one["epoch"]:
            by_kind.setdefault("provides", []).append(
                f'<rpm:entry name="{one["name"]}" flags="EQ" epoch="{one["epoch"]}" ver="{one["version"]}" rel="{one["release"]}"/>')
        for kind in sorted(by_kind):
            primary.append(f"<rpm:{kind}>{''.join(dict.fromkeys(by_kind[kind]))}</rpm:{kind}>")
        primary += [f"<file>{escape(path)}</file>" for path in one["files"] if path.startswith("/etc/") or "bin/" in path]
        primary.append("</format></package>")
        filelists.append(f'<package pkgid="{digest}" name="{one["name"]}" arch="{one["arch"]}">{version}'
                         + "".join(f"<file>{escape(path)}</file>" for path in one["files"]) + "</package>")
    return "\n".join(primary + ["</metadata>"]), "\n".join(filelists + ["</filelists>"])


def comps(chance):
    text = ["<comps>"]
    groups = [f"group-{number}" for number in range(5)]
    for group in groups:
        text.append(f"<group><id>{group}</id><name>The {group}</name><packagelist>")
        for name in chance.sample(NAMES, chance.randint(1, 5)):
            kind = chance.choice(["mandatory", "mandatory", "default", "optional", "conditional"])
            extra = f' requires="{chance.choice(NAMES)}"' if kind == "conditional" else ""
            extra += ' basearchonly="true"' if chance.random() < 0.1 else ""
            extra += f' arch="{chance.choice(["x86_64", "i386", "s390x,x86_64"])}"' if chance.random() < 0.1 else ""
            text.append(f'<packagereq type="{kind}"{extra}>{name}</packagereq>')
        text.append("</packagelist></group>")
    text.append("<environment><id>environment</id><name>An Environment</name><grouplist>"
                + "".join(f"<groupid>{one}</groupid>" for one in chance.sample(groups, 2)) + "</grouplist><optionlist>"
                + f"<groupid>{chance.choice(groups)}</groupid></optionlist></environment></comps>")
    return "\n".join(text)


def damaged(chance, document):
    """Now and then a document that has to be left out: of another type, incomplete, or said once more with other content."""
    kind = chance.random()
    if kind > 0.15:
        return document
    if kind < 0.03:
        return document.replace("  summary: s\n", "")
    if kind < 0.06:
        return document.replace("  arch: x86_64", "  arch: [x86_64]")
    if kind < 0.09:
        return document.replace("  artifacts:\n    rpms:\n", "  artifacts:\n    rpms:\n    - nonsense\n")
    if kind < 0.12:
        return document.replace("  version: ", "  version: x")
    more = f"  artifacts:\n    rpms:\n    - {chance.choice(NAMES)}-0:1-1.x86_64\n"
    return document + "\n" + document.replace("  artifacts:\n    rpms:\n", more)


def modules(chance, all_packages):
    """Some packages become those of module streams; some streams are default ones, and streams need each other."""
    streams, defaults = [], []
    names = [f"module-{number}" for number in range(chance.randint(0, 3))]
    for name in names:
        versions = {}
        for stream in ["1", "2"]:
            for version in range(1, chance.choice([2, 2, 3])):
                chosen = chance.sample(all_packages, chance.randint(1, 4))
                needs = {other: chance.choice(["[]", "['1']", "['2']"]) for other in names if other < name and chance.random() < 0.4}
                artifacts = [f"{one['name']}-{one['epoch']}:{one['version']}-{one['release']}.{one['arch']}" for one in chosen]
                profiles = {profile: chance.sample(sorted({one["name"] for one in chosen} | {chance.choice(NAMES)}), 1)
                            for profile in ("common", "devel") if chance.random() < 0.7}
                versions.setdefault(stream, []).append((version, needs, artifacts, profiles))
        for stream, all_versions in versions.items():
            for version, needs, artifacts, profiles in all_versions:
                streams.append(damaged(chance, "\n".join(
                    ["---", "document: modulemd", "version: 2", "data:", f"  name: {name}", f"  stream: '{stream}'",
                     f"  version: {version}", "  context: c0ffee", "  arch: x86_64", "  summary: s", "  description: d",
                     "  license:", "    module:", "    - MIT", "  dependencies:", "  - requires:", "      platform: [el9]"]
                    + [f"      {other}: {wanted}" for other, wanted in needs.items()]
                    + (["  profiles:"] if profiles else [])
                    + [line for profile, content in profiles.items() for line in [f"    {profile}:", "      rpms:"] + [f"      - {one}" for one in content]]
                    + ["  artifacts:", "    rpms:"] + [f"    - {one}" for one in artifacts] + ["..."])))
        for _ in range(chance.choice([0, 1, 1, 1, 1, 2])):
            defaults.append("\n".join(
                ["---", "document: modulemd-defaults", "version: 1", "data:", f"  module: {name}",
                 f"  stream: '{chance.choice(['1', '2'])}'", "  profiles:", "    '1': [common]", "    '2': [common]", "..."]))
    return "\n".join(streams + defaults) + "\n" if streams else ""


def write(chance, folder, count):
    all_packages = packages(chance, count)
    primary, filelists = primary_and_filelists(all_packages)
    files = {"primary": primary, "filelists": filelists, "group": comps(chance), "modules": modules(chance, all_packages)}
    os.makedirs(os.path.join(folder, "repodata"))
    repomd = ['<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>']
    for kind, text in files.items():
        if not text:
            continue
        name = f"repodata/{kind}.{'yaml' if kind == 'modules' else 'xml'}"
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        repomd.append(f'<data type="{kind}"><checksum type="sha256">{digest}</checksum><open-checksum type="sha256">{digest}</open-checksum>'
                      f'<location href="{name}"/><timestamp>1</timestamp><size>{len(text.encode())}</size></data>')
    with open(os.path.join(folder, "repodata", "repomd.xml"), "w") as out:
        out.write("\n".join(repomd + ["</repomd>"]))
