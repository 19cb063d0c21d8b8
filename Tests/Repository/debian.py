"""Debian's package index, its versions and relations, and what they become in RPM.

The rules are explained in README.md beside this file.
"""

import re
import subprocess
from dataclasses import dataclass, field

# Debian's own machinery: its maintainer scripts are not run, so nothing needs it.
IGNORED = frozenset(
    "adduser apt base-passwd cdebconf debconf debconf-2.0 debianutils-update dpkg init-system-helpers install-info lsb-base "
    "media-types perl perl-base perl:any sensible-utils ucf update-inetd fonts-mathjax default-mta mail-transport-agent "
    "linux-initramfs-tool initramfs-tools linux-base logrotate cron anacron fdisk libfdisk1-dev systemd-resolved "
    "postgresql-common-dev logsave ssl-cert".split()
)


@dataclass(frozen=True)
class Relation:
    """One alternative of a dependency: a name and perhaps a version."""

    name: str
    operator: str = ""
    version: str = ""


@dataclass
class DebianPackage:
    name: str
    fields: dict
    provides: list = field(default_factory=list)

    @property
    def version(self):
        return self.fields["Version"]

    def relations(self, field_name):
        """The field as a list (and) of lists (or) of relations."""
        return parse_relations(self.fields.get(field_name, ""))


_RELATION = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^)\s]+)\s*\))?")


def parse_relations(text):
    result = []
    for group in text.replace("\n", " ").split(","):
        alternatives = []
        for part in group.split("|"):
            match = _RELATION.match(part)
            if match:
                alternatives.append(Relation(match[1], match[2] or "", match[3] or ""))
        if alternatives:
            result.append(alternatives)
    return result


class Index:
    """All packages that apt knows, newest version of each."""

    def __init__(self):
        self.packages = {}
        self.providers = {}
        text = subprocess.run(
            ["apt-cache", "dumpavail"], check=True, capture_output=True, text=True
        ).stdout
        for paragraph in text.split("\n\n"):
            fields = parse_paragraph(paragraph)
            name = fields.get("Package")
            if not name or name in self.packages:
                continue
            package = DebianPackage(name, fields)
            self.packages[name] = package
            for alternatives in package.relations("Provides"):
                self.providers.setdefault(alternatives[0].name, []).append(name)
        if not self.packages:
            raise SystemExit("the package index of apt is empty; 'apt-get update' fills it")

    def closure(self, roots):
        """The packages that must be there for `roots` to be installed, sorted by name."""
        chosen = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name in chosen:
                continue
            if name not in self.packages:
                raise SystemExit(f"Debian has no package {name}")
            chosen.add(name)
            package = self.packages[name]
            for group in package.relations("Depends") + package.relations("Pre-Depends"):
                if any(one.name in IGNORED for one in group):
                    continue
                candidates = [
                    one.name if one.name in self.packages else next(iter(self.providers.get(one.name, [])), None)
                    for one in group
                ]
                candidates = [one for one in candidates if one]
                if not candidates:
                    raise SystemExit(f"{name} depends on {group}, which nothing provides")
                if not any(one in chosen for one in candidates):
                    waiting.append(candidates[0])
        return sorted(chosen)


def parse_paragraph(paragraph):
    fields = {}
    last = None
    for line in paragraph.split("\n"):
        if line[:1] in " \t" and last:
            fields[last] += "\n" + line.strip()
        elif ":" in line:
            last, _, value = line.partition(":")
            fields[last] = value.strip()
    return fields


def split_version(version):
    """Debian's [epoch:]upstream[-revision] as RPM's (epoch, version, release).

    RPM allows no hyphen in either part; a native package has release 0.
    """
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "", version
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, "0"
    return epoch, upstream.replace("-", "_"), revision.replace("-", "_")


def rpm_relation(relation):
    """A relation in RPM's words.

    RPM compares releases only when both sides have one, so 2.36-9 does not meet `> 2.36`: `>> 2.36` becomes `>= 2.36`.
    `<< 2.37` becomes `< 2.37~`, which leaves out pre-releases of 2.37, too.
    """
    if not relation.operator:
        return relation.name
    epoch, colon, rest = relation.version.partition(":")
    if not colon:
        epoch, rest = "", relation.version
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, ""
    version = (epoch + ":" if epoch else "") + upstream.replace("-", "_") + ("-" + revision if revision else "")
    operator = {"<<": "<", "<=": "<=", "=": "=", ">=": ">=", ">>": ">="}[relation.operator]
    return f"{relation.name} {operator} {version}{'~' if relation.operator == '<<' else ''}"


def rpm_dependency(alternatives):
    """`a | b` becomes a rich dependency `(a or b)`; None for what Debian's machinery alone needs."""
    if any(one.name in IGNORED for one in alternatives):
        return None
    words = [rpm_relation(one) for one in alternatives]
    return words[0] if len(words) == 1 else "(" + " or ".join(words) + ")"
