"""Takes the installations into an empty root out of dnf's own behaviour tests (`dnf-behave-tests` of rpm-software-management/ci-dnf-stack)."""
import copy
import dataclasses
import fnmatch
import glob
import os
import re
import shlex

STEP = re.compile(r"^(Given|When|Then|And|But|\*)\s+(.*)$")
INSTALLATIONS = {"install", "install-dep", "install-weak", "install-group"}
# Lists to which a command line adds (dnf.conf(5)).
APPENDED = {"exclude": "excludepkgs", "excludepkgs": "excludepkgs", "includepkgs": "includepkgs", "installonlypkgs": "installonlypkgs",
            "exclude_from_weak": "exclude_from_weak"}


class Unsuitable(Exception):
    """Why a scenario, from here on, is not an installation into an empty root that a tree can describe."""


@dataclasses.dataclass
class Step:
    text: str
    line: int
    table: list = dataclasses.field(default_factory=list)
    document: str | None = None


@dataclasses.dataclass
class Scenario:
    feature: str
    title: str
    steps: list
    tags: set


@dataclasses.dataclass
class Repository:
    """A section of a .repo file; the keys of `options` are dnf's."""
    options: dict
    active: bool = True


@dataclasses.dataclass
class State:
    """What dnf would read, and what was done before."""
    repositories: dict = dataclasses.field(default_factory=dict)
    main: dict = dataclasses.field(default_factory=lambda: {"best": "True"})
    # Of the installation root; the keys have no leading slash.
    files: dict = dataclasses.field(default_factory=dict)
    variables: dict = dataclasses.field(default_factory=dict)
    releasever: str | None = "29"
    platform: str = "platform:f29"
    streams: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Request:
    feature: str
    line: int
    title: str
    command: str
    state: State
    lines: list
    local: list
    # The NEVRAs; `None`: they are not said, or dnf ends with an error.
    packages: set | None = None
    # Whether there may be other packages too.
    contains: bool = False
    verdict: str = ""

    @property
    def fails(self):
        return self.verdict != "0"

    def key(self):
        return repr((self.state, self.lines, self.local))


def parse(path, name):
    """The scenarios of a feature, with the steps of its background, and one for each row of an outline's examples."""
    background, scenarios, steps, tags = [], [], None, set()
    feature_tags, title, outline, examples, quoted = set(), "", False, None, None

    def finish():
        if steps is None or steps is background:
            return
        for row in (examples or [{}]) if outline else [{}]:
            scenarios.append(Scenario(name, title, [filled(one, row) for one in background + steps], scenario_tags | feature_tags))

    scenario_tags = set()
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if quoted is not None:
                if text == '"""':
                    steps[-1].document = "".join(one[min(indent, len(one) - len(one.lstrip(" "))):] for one in quoted).removesuffix("\n")
                    quoted = None
                else:
                    quoted.append(line)
            elif text == '"""':
                quoted, indent = [], len(line) - len(line.lstrip())
            elif not text or text.startswith("#"):
                continue
            elif text.startswith("@"):
                tags |= set(text.split())
            elif text.startswith("Feature:"):
                feature_tags, tags = tags, set()
            elif text.startswith("Background:"):
                steps, tags = background, set()
            elif text.startswith(("Scenario:", "Scenario Outline:")):
                finish()
                steps, scenario_tags, tags = [], tags, set()
                outline, examples, title = text.startswith("Scenario Outline:"), None, text.split(":", 1)[1].strip()
            elif text.startswith("Examples:"):
                examples, header = examples or [], None
            elif text.startswith("|"):
                cells = [one.strip() for one in text.strip("|").split("|")]
                if examples is None and not steps:
                    continue
                if examples is None:
                    steps[-1].table.append(cells)
                elif header is None:
                    header = cells
                else:
                    examples.append(dict(zip(header, cells)))
            elif steps is not None and (match := STEP.match(text)):
                steps.append(Step(match.group(2), number))
    finish()
    return scenarios


def filled(step, row):
    """A step of an outline with the values of one example."""
    def fill(text):
        for name, value in row.items():
            text = text.replace(f"<{name}>", value)
        return text
    return Step(fill(step.text), step.line, [[fill(cell) for cell in cells] for cells in step.table],
                None if step.document is None else fill(step.document))


def requests(checkout, repositories):
    """The requests of all features, and the reasons for which scenarios were left: (feature, title, reason).

    - repositories: the folder in which the repositories of the fixtures will be."""
    found, left = [], []
    root = os.path.join(checkout, "dnf-behave-tests")
    for folder, _, files in sorted(os.walk(os.path.join(root, "dnf"))):
        for file in sorted(one for one in files if one.endswith(".feature")):
            path = os.path.join(folder, file)
            for scenario in parse(path, os.path.relpath(path, root)):
                try:
                    found += of_scenario(scenario, Places(root, repositories))
                except Unsuitable as reason:
                    found += reason.args[1]
                    left.append((scenario.feature, scenario.title, reason.args[0]))
    return found, left


class Places:
    """The values of `{context...}` in texts of the tests."""
    ROOT = "@ROOT@"

    def __init__(self, root, repositories):
        self.values = {
            "/opt/behave/fixtures/repos": repositories, "{context.scenario.repos_location}": repositories,
            "{context.dnf.fixturesdir}/repos": repositories, "{context.dnf.fixturesdir}": os.path.join(root, "fixtures"),
            "{context.dnf.installroot}": self.ROOT, "{context.dnf.tempdir}": self.ROOT, "{context.dnf.releasever}": "29"}
        self.repositories = repositories
        self.specs = os.path.join(root, "fixtures", "specs")

    def has_default_profile(self, stream):
        """Whether any repository of the fixtures says so."""
        name, _, stream = stream.partition(":")
        for path in glob.glob(os.path.join(self.specs, "*", "modules.yaml")):
            with open(path, encoding="utf-8") as text:
                for document in re.split(r"^---", text.read(), flags=re.M):
                    if "modulemd-defaults" in document and re.search(rf"^ *module: *[\"']?{re.escape(name)}[\"']?$", document, re.M) \
                            and re.search(rf"^ +[\"']?{re.escape(stream)}[\"']?: *\[ *[^\] ]", document, re.M):
                        return True
        return False

    def expand(self, text):
        for name, value in self.values.items():
            text = text.replace(name, value)
        text = re.sub(r"\{context\.dnf\.repos\[([^\]]*)\]\.path\}", lambda one: os.path.join(self.repositories, one.group(1)), text)
        if "{context" in text:
            raise Unsuitable(f"needs {re.search(r'{context[^}]*}?', text).group(0)}")
        return text.replace("{{", "{").replace("}}", "}")


def of_scenario(scenario, places):
    state, found, pending = State(), [], None
    try:
        if scenario.tags & {"@no_installroot", "@destructive"}:
            raise Unsuitable("is about the running system")
        for step in scenario.steps:
            if (command := re.match(r'^I (successfully )?execute (?:micro)?dnf with args "(.*)"\s*$', step.text)):
                if pending is not None and installs(pending):
                    break
                pending = request(scenario, step, command.group(2).replace('\\"', '"'), state, places)
                if pending is not None:
                    if command.group(1):
                        pending.verdict = "0"
                    found.append(pending)
            elif pending is None or not judge(pending, step):
                if pending is not None and installs(pending) and not harmless(step.text):
                    break
                apply(step, state, places)
    except Unsuitable as reason:
        raise Unsuitable(reason.args[0], judged(found)) from None
    return judged(found)


def judged(found):
    """Those with a verdict. An error leaves no packages."""
    for one in found:
        if one.fails:
            one.packages = None
    return [one for one in found if one.verdict]


def installs(pending):
    """Whether the root is not empty after this."""
    return pending.verdict in ("", "0") and pending.packages != set() and "--downloadonly" not in pending.command


def judge(pending, step):
    """Takes the verdict of a step; False for other steps."""
    if (code := re.match(r"^the exit code is (\d+)", step.text)):
        pending.verdict = code.group(1)
    elif re.match(r"^((DNF|RPMDB|microdnf) )?[Tt]ransaction is empty", step.text):
        pending.packages, pending.contains = set(), False
    elif (kind := re.match(r"^((?:DNF|RPMDB|microdnf) )?[Tt]ransaction (is(?: following)?|contains)$", step.text)):
        rows = [row for row in step.table if row[0] in INSTALLATIONS]
        packages = {normal(one.strip()) for _, names in rows for one in names.split(",")}
        pending.contains = pending.packages is None and kind.group(2) == "contains"
        pending.packages = (pending.packages or set()) | packages
    else:
        return False
    return True


def normal(nevra):
    return re.sub(r"-0:(?=[^-]*-[^-]*$)", "-", nevra)


HARMLESS = re.compile(
    r"^(stdout|stderr|the exit code|modules state|module list|package (state|reasons)|file |directory |files? sha256|dnf5 transaction items|History"
    r"|group state|environment state|the files|I (start|stop) capturing|I forget any HTTP|exactly |every HTTP|no HTTP|HTTP log"
    r"|I (do not )?(en|dis)able plugin|I start http server|I stop .* server|I set up a http server|size of|((DNF|RPMDB|microdnf) )?[Tt]ransaction|timestamps"
    r"|I set working directory|I create directory|I enable plugin|I do not disable plugins|I sleep)")


def harmless(text):
    return HARMLESS.match(text) is not None


def apply(step, state, places):
    """What a step changes of the configuration."""
    text = step.text
    rows = [[places.expand(cell) for cell in row] for row in step.table]
    if harmless(text) or re.match(r'^I (copy repository ".*" for modification|generate repodata for repository "[^"]*")$', text):
        return
    if (use := re.match(r'^I use repository "(.*)"( with configuration| as (http|https|ftp))?$', text)):
        name = use.group(1)
        if name not in state.repositories:
            state.repositories[name] = of_fixtures(name, places)
        state.repositories[name].active = True
        if use.group(2) == " with configuration":
            state.repositories[name].options.update(rows[1:])
    elif (drop := re.match(r'^I drop repository "(.*)"$', text)):
        state.repositories[drop.group(1)].active = False
    elif (configure := re.match(r'^I configure (a new )?repository "([^"]*)" with$', text)):
        name = configure.group(2)
        if configure.group(1):
            state.repositories[name] = Repository({"name": f"{name} test repository", "enabled": "1"})
        elif name not in state.repositories:
            state.repositories[name] = of_fixtures(name, places)
            state.repositories[name].active = False
        state.repositories[name].options.update(rows[1:])
    elif text == "I configure dnf with":
        if any(row[0].startswith("[") and row[0] != "[main]" for row in rows):
            raise Unsuitable("configures repositories in dnf.conf")
        for key in {row[0] for row in rows[1:]} & OF_THE_PROGRAM:
            raise Unsuitable(f"sets the option {key}")
        state.main.update(row for row in rows[1:] if not row[0].startswith("["))
    elif (release := re.match(r'^I set releasever to "(.*)"$', text)):
        state.releasever = release.group(1)
    elif (variable := re.match(r'^I set environment variable "DNF_VAR_(.*)" to "(.*)"$', text)):
        state.variables[variable.group(1)] = variable.group(2)
    elif text == "I do not set releasever":
        state.releasever = None
    elif (platform := re.match(r'^I set default module platformid to "(.*)"$', text)):
        state.platform = platform.group(1)
    elif (file := re.match(r'^I create (?:and substitute )?file "(.*)" with$', text)):
        path = re.sub(r"^(/*@ROOT@)?/+", "", places.expand(file.group(1)))
        create(path, places.expand(step.document or ""), state)
    else:
        raise Unsuitable(f"does something else: {re.sub(chr(34) + '[^' + chr(34) + ']*' + chr(34), chr(34) + '...' + chr(34), text)}")


def of_fixtures(name, places):
    return Repository({"name": f"{name} test repository", "enabled": "1", "baseurl": f"file://{os.path.join(places.repositories, name)}"})


def create(path, content, state):
    if path.startswith("etc/dnf/vars/"):
        state.variables[os.path.basename(path)] = content
    elif path.startswith("etc/yum.repos.d/") or not path.startswith(("etc/", "usr/")):
        state.files[path] = content
    else:
        raise Unsuitable(f"needs the file /{path}")


READING = {"repoquery", "list", "info", "search", "repolist", "repo", "check-update", "check-upgrade", "makecache", "clean", "provides", "history",
           "check", "help", "--help", "download", "group list", "group info", "module list", "module info", "module provides", "leaves", "repoclosure",
           "advisory", "updateinfo", "mark", "builddep", "versionlock list", "--version", "changelog", "environment list", "environment info"}
# A root that is empty stays so.
IDLE = {"upgrade", "up", "update", "remove", "erase", "autoremove", "reinstall", "downgrade", "distro-sync", "group remove", "group upgrade"}
IGNORED = {"-y", "-v", "-q", "--assumeyes", "--allowerasing", "--nogpgcheck", "--no-gpgchecks", "--no-gpgcheck", "--refresh", "--nodocs", "--downloadonly",
           "--no-allow-downgrade", "--allow-downgrade", "--quiet", "--verbose", "--debugsolver"}
# Where dnf finds its files; a tree has its own places for them.
OF_THE_PROGRAM = {"reposdir", "varsdir", "cacheonly", "cachedir", "pluginpath", "pluginconfpath", "persistdir", "installroot", "protected_packages"}
WITH_VALUE = {"-x", "--exclude", "--excludepkgs", "--setopt", "--repo", "--repoid", "--enablerepo", "--disablerepo", "--enable-repo", "--disable-repo",
              "--disableexcludes", "--disableexcludepkgs", "--disableexclude", "--releasever", "--releasever-major", "--releasever-minor", "--setvar",
              "--repofrompath", "--action", "--comment", "--downloaddir", "--destdir"}


def request(scenario, step, text, state, places):
    """The request of a command line; None for one that leaves the root and the configuration alone."""
    words = shlex.split(places.expand(text))
    options, rest = [], []
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            rest.append(word)
        elif word.split("=", 1)[0] in WITH_VALUE:
            name, given, value = word.partition("=")
            options.append((name, value if given else words.pop(0) if words else ""))
        else:
            options.append((word, None))
    command = rest[0] if rest else ""
    both = " ".join(rest[:2])
    if command in READING | IDLE or both in READING | IDLE or command == "":
        return None
    if both == "module enable" and not options:
        for stream in rest[2:]:
            if ":" not in stream or places.has_default_profile(stream):
                raise Unsuitable("enables a module stream that has a default profile, and does not install that")
        state.streams += rest[2:]
        return None
    state = copy.deepcopy(state)
    if command in ("install", "in", "localinstall") or command == "do" and [one for one in options if one[0] == "--action"] == [("--action", "install")]:
        options = [one for one in options if one[0] != "--action"]
        lines = rest[1:]
    elif both in ("group install", "environment install", "groupinstall") or command == "groupinstall":
        specs = rest[1:] if command == "groupinstall" else rest[2:]
        lines = [f"@{'^' * (command == 'environment')}{one}" for one in specs]
        if ("--with-optional", None) in options:
            options.remove(("--with-optional", None))
            lines = [f"{one}/mandatory,default,conditional,optional" for one in lines]
    elif both == "module install":
        lines = [f"@{one}" for one in rest[2:]]
    else:
        raise Unsuitable(f"runs dnf {command}")
    for name, value in options:
        option(name, value, state)
    local = [one for one in lines if one.endswith(".rpm") and "/" in one]
    for one in local:
        if not one.startswith("/") or "{" in one:
            raise Unsuitable("installs a package by its URL, by a path that is not absolute, or by a pattern of the shell")
    return Request(scenario.feature, step.line, scenario.title, text, state, [one for one in lines if one not in local], local)


def option(name, value, state):
    if name in IGNORED or name in ("--comment", "--downloaddir", "--destdir"):
        return
    if name == "--setopt" and value.partition("=")[0] in OF_THE_PROGRAM:
        raise Unsuitable(f"sets the option {value.partition('=')[0]}")
    enabled = {"--enablerepo": "1", "--enable-repo": "1", "--disablerepo": "0", "--disable-repo": "0"}
    if name == "--best":
        state.main["best"] = "1"
    elif name in ("--nobest", "--no-best"):
        state.main["best"] = "0"
    elif name in ("--skip-broken", "--skip-unavailable"):
        state.main[name[2:].replace("-", "_")] = "1"
    elif name in ("-x", "--exclude", "--excludepkgs"):
        append(state.main, "excludepkgs", value)
    elif name in ("--disableexcludes", "--disableexcludepkgs", "--disableexclude"):
        append(state.main, "disable_excludes", value)
    elif name == "--releasever":
        state.releasever = value
    elif name in ("--releasever-major", "--releasever-minor"):
        state.variables[name[2:].replace("-", "_")] = value
    elif name == "--setvar":
        key, _, new = value.partition("=")
        state.variables[key] = new
    elif name == "--repofrompath":
        key, _, path = value.partition(",")
        state.repositories[key] = Repository({"name": key, "baseurl": path if "://" in path else f"file://{path}"})
    elif name in enabled:
        for one in matching(state, value):
            one.options["enabled"] = enabled[name]
    elif name in ("--repo", "--repoid"):
        chosen = matching(state, value)
        for one in state.repositories.values():
            one.options["enabled"] = "1" if one in chosen else "0"
    elif name == "--setopt":
        key, _, new = value.partition("=")
        repository, dot, own = key.rpartition(".")
        for options in [one.options for one in matching(state, repository)] if dot else [state.main]:
            if own in APPENDED:
                append(options, APPENDED[own], new)
            else:
                options[own] = new
    else:
        raise Unsuitable(f"uses the option {name}")


def matching(state, patterns):
    return [repository for name, repository in state.repositories.items() for pattern in patterns.split(",") if fnmatch.fnmatchcase(name, pattern)]


def append(options, name, value):
    """A value of the command line; an empty first item empties the list."""
    for other, known in APPENDED.items():
        if known == name and other != name and other in options:
            options[name] = ",".join(filter(None, [options.pop(other), options.get(name)]))
    before = options.get(name, "")
    options[name] = value if value == "" or value.startswith(",") or not before else f"{before},{value}"
