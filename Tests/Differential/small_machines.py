"""A machine with the one package "a", for comparisons of what dnf and discographer take."""
import subprocess

SPEC = """Name: a
Version: 1
Release: 1
Summary: a
License: none
BuildArch: noarch
%description
%install
mkdir -p %{buildroot}/etc; echo a >%{buildroot}/etc/a
%files
/etc/a
"""
MACHINE = """boot:
  loader: none
disks:
  - size: 64MiB
    table: none
    partitions:
      - mount: /
outputs: [raw]
"""


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options).stdout


def build_package(folder):
    """The path of the package, not signed."""
    top = folder / "top"
    top.mkdir()
    (top / "a.spec").write_text(SPEC)
    run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}", "--define", f"_rpmdir {top}", "--define", "_rpmfilename a.rpm", top / "a.spec")
    return top / "a.rpm"


def dnf(repositories, work):
    """Whether dnf installs the package a from a .repo file's text, and what it says."""
    (work / "repos").mkdir()
    (work / "repos/r.repo").write_text(repositories)
    (work / "dnf.conf").write_text(f"[main]\nreposdir={work}/repos\nvarsdir=/nonexistent\ncachedir={work}/cache\nplugins=0\n")
    ended = subprocess.run(["dnf", "-q", "-y", "-c", f"{work}/dnf.conf", "--releasever", "9", "--installroot", f"{work}/root", "install", "a"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return ended.returncode == 0, ended.stdout


def discographer(program, repositories, work):
    """Whether discographer builds a machine with the package a, and what it says."""
    machine = work / "tree/g/machines/m"
    (machine / "yum/repositories").mkdir(parents=True)
    (machine / "yum/yum.conf.template").write_text("[main]\n")
    (machine / "yum/repositories/r.repo").write_text(repositories)
    (work / "tree/g/machine-group.yaml").write_text(MACHINE)
    (machine / "packages").write_text("a\n")
    (machine / "devices").write_text("")
    (machine / "init").write_text("#!/bin/sh\n")
    (machine / "init").chmod(0o755)
    ended = subprocess.run([program, "build", "-c", work / "tree", "-s", work / "own", "g/m"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return ended.returncode == 0, ended.stdout
