"""The two that are compared: discographer by its command line, dnf by its own library."""
import contextlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import time

import dnf
import dnf.comps
import dnf.module.module_base
import dnf.sack
import dnf.selector
import hawkey

import cases

VERSIONLOCK = "/usr/lib/python3/dist-packages/dnf-plugins/versionlock.py"


def url(repository):
    return repository if "://" in repository else f"file://{os.path.realpath(repository)}"


def nevra(name, epoch, version, release, arch):
    return f"{name}-{'' if int(epoch) == 0 else f'{epoch}:'}{version}-{release}.{arch}"


class Ordered(dict):
    """As much of a set as dnf needs for the members of groups, in the order in which they came."""

    def update(self, items):
        super().update(dict.fromkeys(items))

    def add(self, item):
        self[item] = None

    def __or__(self, other):
        return Ordered(dict.fromkeys([*self, *other]))

    def __sub__(self, other):
        return Ordered(dict.fromkeys(one for one in self if one not in other))


@contextlib.contextmanager
def members_in_order():
    """dnf asks for the members of groups in the order of a Python set; here in the order of comps.xml."""
    types = [(dnf.comps.MANDATORY, "mandatory_packages"), (dnf.comps.DEFAULT, "default_packages"),
             (dnf.comps.OPTIONAL, "optional_packages"), (dnf.comps.CONDITIONAL, "conditional_packages")]

    def of_type(group, kinds, exclude=()):
        wanted = [one for kind, name in types if kinds & kind for one in getattr(group, name)]
        return [one for one in group.packages if any(one is other or one == other for other in wanted)]

    def bunch(self):
        self._install, self._install_opt, self._remove, self._upgrade = Ordered(), Ordered(), Ordered(), Ordered()

    solver, transaction = dnf.comps.Solver, dnf.comps.TransactionBunch
    before = solver.__dict__["_pkgs_of_type"], transaction.__init__
    solver._pkgs_of_type, transaction.__init__ = staticmethod(of_type), bunch
    try:
        yield
    finally:
        solver._pkgs_of_type, transaction.__init__ = before


@contextlib.contextmanager
def newest_obsoleted():
    """Of a requested name, dnf 4.14 also takes what obsoletes older versions; here what obsoletes the newest one alone, as dnf does since 4.15."""
    before = dnf.sack.Sack.query

    class Query(hawkey.Query):
        def of_newest(self, arguments):
            if "obsoletes" in arguments:
                newest = hawkey.Query(self._sack).filter(pkg=arguments["obsoletes"]).filter(latest_per_arch_by_priority=True)
                arguments["obsoletes"] = newest
            return arguments

        def filter(self, *plain, **arguments):
            return super().filter(*plain, **self.of_newest(arguments))

        def filterm(self, *plain, **arguments):
            return super().filterm(*plain, **self.of_newest(arguments))

    def query(self, *plain, **arguments):
        made = Query(self, *plain, **arguments)
        made._sack = self
        return made

    dnf.sack.Sack.query = query
    try:
        yield
    finally:
        dnf.sack.Sack.query = before


class Dnf:
    def __init__(self, repositories, folder, options):
        self.repositories, self.folder, self.options = repositories, folder, options
        self.versionlock = None
        self.all, self.names = None, set()
        if os.path.exists(options.versionlock_plugin):
            description = importlib.util.spec_from_file_location("versionlock", options.versionlock_plugin)
            self.versionlock = importlib.util.module_from_spec(description)
            description.loader.exec_module(self.versionlock)
        logging.getLogger("dnf").setLevel(logging.CRITICAL)

    def base(self, case):
        base = dnf.Base()
        conf = base.conf
        conf.installroot, conf.cachedir = os.path.join(self.folder, "root"), os.path.join(self.folder, "cache")
        conf.persistdir = os.path.join(self.folder, "persist")
        os.makedirs(conf.installroot, exist_ok=True)
        conf.substitutions["releasever"] = self.options.releasever
        conf.substitutions["arch"] = conf.substitutions["basearch"] = self.options.arch
        conf.module_platform_id = f"platform:el{self.options.releasever}"
        conf.metadata_expire = 3600 * 24
        for name, value in case["main"].items():
            setattr(conf, name, value)
        conf.excludepkgs = case["main"].get("excludepkgs", []) + case["forbid"]
        for index, repository in enumerate(self.repositories):
            added = base.repos.add_new_repo(f"r{index}", conf, baseurl=[url(repository)])
            # Not as arguments: of a list add_new_repo of dnf 4.14 keeps the first element alone.
            for name, value in case["repositories"][index].items():
                setattr(added, name, value)
        if case["locks"]:
            self.versionlock.locklist_fn = os.path.join(self.folder, "versionlock.list")
            with open(self.versionlock.locklist_fn, "w") as out:
                out.writelines(f"{one}\n" for one in case["locks"])
            base._plugins.plugins.append(self.versionlock.VersionLock(base, None))
        base.fill_sack(load_system_repo=False)
        return base

    @contextlib.contextmanager
    def universe(self):
        nothing = {"main": {}, "modules": [], "forbid": [], "locks": [], "repositories": [{} for _ in self.repositories]}
        local = []
        with self.base(nothing) as base:
            if self.options.local_rpms:
                local = sorted(
                    os.path.join(folder, one) for folder, _, files in os.walk(self.options.local_rpms) for one in files
                    if one.endswith(".rpm") and not one.endswith(".src.rpm"))
            self.all = cases.Universe(base, local)
            self.names = set(self.all.names)
            yield self.all

    def solvable(self, case, chance):
        """The case, or most times a simpler one that has a transaction: what cannot be solved says little."""
        most = 0 if chance.random() < 0.3 else 5
        theirs, reason = self.resolve(case)
        for attempt in range(most):
            if theirs is not None:
                break
            case = cases.simpler(chance, self.all, case, attempt)
            theirs, reason = self.resolve(case)
        return case, theirs, reason

    @contextlib.contextmanager
    def enabled(self, case):
        """The streams of the case are enabled, as by `dnf module enable` in an earlier run: locks and excludes see what is visible then.

        Those that cannot be enabled are told."""
        refused = []
        if case["modules"]:
            with self.base({**case, "locks": []}) as base:
                try:
                    dnf.module.module_base.ModuleBase(base).enable(case["modules"])
                except dnf.exceptions.MarkingErrors as error:
                    refused = list(error.error_group_specs)
                base._moduleContainer.save()
        yield refused
        shutil.rmtree(os.path.join(self.folder, "root", "etc", "dnf"), ignore_errors=True)

    def resolve(self, case, without=()):
        """The packages, or None and why there are none.

        - without: the module streams that are enabled, but of which nothing is asked for."""
        with self.enabled(case) as refused, self.base(case) as base:
            strict = bool(base.conf.strict)
            missing, groups = list(refused), list(case["groups"])
            try:
                for package in base.add_remote_rpms(case["local"], strict=True):
                    base.package_install(package, strict=strict)
                for one in case["install"]:
                    try:
                        if one.startswith("("):
                            # As dnf5 does: all that the dependency asks for.
                            selector = dnf.selector.Selector(base.sack)
                            selector.set(provides=one)
                            base._goal.install(select=selector, optional=not strict)
                            continue
                        base.install(one, strict=strict)
                    except dnf.exceptions.MarkingError as error:
                        missing.append(str(error))
                # Every root gets it; where it cannot be seen, discographer warns. A request may name a version of it.
                if not any(one.startswith(("setup-", "setup.")) for one in case["install"]):
                    with contextlib.suppress(dnf.exceptions.MarkingError):
                        base.install("setup", strict=strict)
                if case["modules"]:
                    try:
                        dnf.module.module_base.ModuleBase(base).install(
                            [one for one in case["modules"] if one not in refused and one not in without], strict=strict)
                    except dnf.exceptions.MarkingErrors as error:
                        missing += error.error_group_specs
                        groups = list(error.no_match_group_specs) + groups
                for one in groups:
                    try:
                        base.env_group_install([one], tuple(base.conf.group_package_types), strict=strict)
                    except dnf.exceptions.Error as error:
                        missing.append(str(error))
                if missing and strict:
                    return None, "; ".join(missing)
                base.resolve()
            except dnf.exceptions.Error as error:
                return None, str(error)
            chosen = base.transaction.install_set if base.transaction else []
            return {nevra(one.name, one.epoch, one.version, one.release, one.arch) for one in chosen}, ""


class Discographer:
    def __init__(self, program, repositories, folder, options):
        self.program, self.repositories, self.folder, self.options = program, repositories, folder, options
        self.tree = os.path.join(folder, "tree")

    def write(self, number, case):
        machine = os.path.join(self.tree, "case", "machines", f"m{number}")
        yum = os.path.join(machine, "yum")
        os.makedirs(os.path.join(yum, "repositories"))
        os.makedirs(os.path.join(yum, "plugins"))
        os.makedirs(os.path.join(machine, "rpms"))
        for path, text in {
            "packages": "".join(f"{one}\n" for one in case["install"]) + "".join(f"@{one}\n" for one in case["modules"] + case["groups"])
            + "".join(f"-{one}\n" for one in case["forbid"]),
            "devices": "", "init": "#!/bin/sh\n",
            "machine.yaml": f"hardware:\n  architecture: {self.options.arch}\n",
            "yum/yum.conf.template": f"[main]\nreleasever={self.options.releasever}\nmodule_platform_id=platform:el{self.options.releasever}\n"
            + cases.options(case["main"]),
            "yum/repositories/all.repo": "".join(
                f"[r{index}]\nname=r{index}\nbaseurl={url(repository)}\ngpgcheck=0\n"
                + cases.options(case["repositories"][index])
                for index, repository in enumerate(self.repositories)),
            "yum/plugins/versionlock.conf": "[main]\nenabled=1\nlocklist=versionlock.list\n",
            "yum/plugins/versionlock.list": "".join(f"{one}\n" for one in case["locks"]),
        }.items():
            with open(os.path.join(machine, path), "w") as out:
                out.write(text)
        os.chmod(os.path.join(machine, "init"), 0o755)
        for path in case["local"]:
            shutil.copy(path, os.path.join(machine, "rpms"))

    def resolve(self):
        """By the number of the case: the packages, or the words that tell why there are none; and the seconds."""
        begin = time.monotonic()
        run = subprocess.run(
            [self.program, "resolve", "--json", "-c", self.tree, "-s", os.path.join(self.folder, "cache"), "case"],
            capture_output=True, text=True)
        seconds = time.monotonic() - begin
        results = {}
        for line in run.stdout.splitlines():
            result = json.loads(line)
            number = int(result["machine"].removeprefix("case/m"))
            if "packages" in result:
                results[number] = {
                    nevra(one["name"], one["epoch"], one["version"], one["release"], one["architecture"])
                    for one in result["packages"]}
        return results, run.stderr, seconds, run.returncode
