"""Random requests, made from what the repositories have."""


class Universe:
    """What can be asked for, as dnf sees it."""

    def __init__(self, base, local_rpms):
        packages = [one for one in base.sack.query().available() if one.arch not in ("src", "nosrc")]
        packages.sort(key=lambda one: (str(one), one.reponame))
        self.packages = packages
        self.names = sorted({one.name for one in packages})
        self.several = sorted({one.name for one in packages
                               if len({other.evr for other in self._by_name(one.name)}) > 1}) if packages else []
        comps = base.comps
        self.groups = sorted({one.id for one in comps.groups} | {one.name for one in comps.groups if one.name})
        self.environments = sorted({one.id for one in comps.environments})
        self.local_rpms = local_rpms
        container = base._moduleContainer
        # By module and stream: the profiles.
        self.modules = {}
        for one in sorted(container.getModulePackages(), key=lambda one: (one.getName(), one.getStream(), one.getVersionNum())) if container else []:
            profiles = {profile.getName() for profile in one.getProfiles()}
            self.modules.setdefault(one.getName(), {}).setdefault(one.getStream(), set()).update(profiles)

    def _by_name(self, name):
        if not hasattr(self, "_names"):
            self._names = {}
            for one in self.packages:
                self._names.setdefault(one.name, []).append(one)
        return self._names[name]

    def versions(self, name):
        return self._by_name(name)


def plain(text):
    """Whether a text can stand in a line of `packages` and means the same to dnf."""
    return bool(text) and not any(letter in text for letter in " \t*?[{$#,\\") and not text.startswith(("-", "@"))


def spec(chance, universe):
    """One line of `packages`: mostly a name, sometimes another way to ask for a package."""
    package = chance.choice(universe.packages)
    kind = chance.random()
    if kind < 0.70:
        return package.name
    if kind < 0.75:
        return f"{package.name}.{package.arch}"
    if kind < 0.79:
        return f"{package.name}-{package.evr}"
    if kind < 0.82:
        return f"{package.name}-{package.version}"
    if kind < 0.84:
        return str(package)
    if kind < 0.86:
        cut = chance.randint(max(1, len(package.name) - 3), len(package.name))
        return package.name[:cut] + chance.choice(["*", "?", "[a-m]*"])
    if kind < 0.88:
        return f"{package.name} {chance.choice(['>=', '=', '<', '>'])} {package.evr}"
    if kind < 0.90:
        other = chance.choice(universe.packages)
        return f"({package.name} {chance.choice(['or', 'and', 'if', 'unless', 'with'])} {other.name})"
    if kind < 0.95:
        provides = [str(one) for one in package.provides if plain(str(one))]
        return chance.choice(provides) if provides else package.name
    files = [one for one in package.files if plain(one) and one.startswith("/")]
    return chance.choice(files) if files else package.name


def exclude(chance, universe):
    name = chance.choice(universe.names)
    kind = chance.random()
    if kind < 0.6:
        return name
    if kind < 0.75:
        return name[: max(3, len(name) // 2)] + "*"
    package = chance.choice(universe.versions(name))
    return chance.choice([f"{name}.{package.arch}", f"{name}-{package.evr}", str(package)])


def module(chance, universe):
    """What stands behind the `@` of a line that means a module; now and then nobody has it."""
    name = chance.choice(sorted(universe.modules))
    stream = chance.choice(sorted(universe.modules[name]))
    profiles = sorted(universe.modules[name][stream])
    text = name if chance.random() < 0.2 else f"{name}:{stream}"
    kind = chance.random()
    if kind < 0.5 and profiles:
        return f"{text}/{chance.choice(profiles)}"
    if kind < 0.55:
        return f"{text}/*"
    if kind < 0.60:
        return f"{text}/nobody"
    if kind < 0.63:
        return f"{name}:none"
    if kind < 0.66:
        return f"{name}:*"
    return text


def make(chance, universe, repositories):
    """One request with its configuration: a plain value, so that a failure can be read and repeated."""
    count = chance.choice([1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12, 20, 50, 100])
    case = {
        "install": list(dict.fromkeys(spec(chance, universe) for _ in range(count))),
        "groups": [],
        "modules": [],
        "forbid": list(dict.fromkeys(exclude(chance, universe) for _ in range(chance.choice([0, 0, 0, 1, 3])))),
        "local": [],
        "main": {"install_weak_deps": chance.randint(0, 1), "best": int(chance.random() < 0.3)},
        "repositories": [{} for _ in repositories],
        "locks": [],
    }
    if universe.groups and chance.random() < 0.25:
        case["groups"].append(chance.choice(universe.groups))
    if universe.environments and chance.random() < 0.06:
        case["groups"].append(chance.choice(universe.environments))
    if universe.local_rpms and chance.random() < 0.2:
        case["local"] = chance.sample(universe.local_rpms, min(len(universe.local_rpms), chance.choice([1, 1, 2, 3])))
    main = case["main"]
    if chance.random() < 0.25:
        main["excludepkgs"] = [exclude(chance, universe) for _ in range(chance.choice([1, 2, 5]))]
    if chance.random() < 0.1:
        main["exclude_from_weak"] = [exclude(chance, universe) for _ in range(chance.choice([1, 5, 20]))]
    if chance.random() < 0.12:
        main["strict"] = 0
    if chance.random() < 0.08:
        main["obsoletes"] = 0
    if chance.random() < 0.08:
        main["multilib_policy"] = "all"
    if case["groups"] and chance.random() < 0.4:
        kinds = ["mandatory", "default", "conditional", "optional"]
        main["group_package_types"] = chance.sample(kinds, chance.randint(1, 4))
    if chance.random() < 0.08:
        main["installonlypkgs"] = [chance.choice(universe.names) for _ in range(3)] + ["installonlypkg(kernel)"]
    if universe.several and chance.random() < 0.2:
        for name in chance.sample(universe.several, min(len(universe.several), chance.choice([1, 3, 10]))):
            package = chance.choice(universe.versions(name))
            case["locks"].append(chance.choice(["", "", "!"]) + f"{name}-{package.epoch}:{package.version}-{package.release}.*")
    for repository in case["repositories"]:
        if chance.random() < 0.15:
            repository["priority"] = chance.choice([1, 10, 98, 100])
        if chance.random() < 0.1:
            repository["cost"] = chance.choice([500, 999, 2000])
        if chance.random() < 0.1:
            repository["excludepkgs"] = [exclude(chance, universe) for _ in range(chance.choice([1, 3]))]
        if chance.random() < 0.04:
            repository["includepkgs"] = ["[a-n]*"] + [exclude(chance, universe) for _ in range(5)]
        if chance.random() < 0.06:
            repository["module_hotfixes"] = 1
    if universe.modules and chance.random() < 0.35:
        # A line that leaves the stream open means what the other lines enable, wherever they stand.
        lines = dict.fromkeys(module(chance, universe) for _ in range(chance.choice([1, 1, 2, 3])))
        case["modules"] = sorted(lines, key=lambda one: ":" not in one or "*" in one.split("/")[0])
    unwanted = set(case["forbid"])
    case["install"] = [one for one in case["install"] if one not in unwanted and one != "setup"] or ["setup"]
    case["forbid"] = [one for one in case["forbid"] if one != "setup"]
    return case


def simpler(chance, universe, case, attempt):
    """The same with less: half of what is asked for, then other names, then without what hides packages."""
    case = dict(case)
    case["install"] = chance.sample(case["install"], max(1, len(case["install"]) // 2))
    if attempt == 2:
        case["install"] = chance.sample(universe.names, min(len(universe.names), chance.choice([1, 2, 4, 8, 16])))
        case["local"] = []
    if attempt == 3:
        case["groups"], case["modules"], case["locks"], case["forbid"] = [], case["modules"][:1], [], []
        case["main"] = {name: value for name, value in case["main"].items() if name not in ("excludepkgs", "best")}
    if attempt > 3:
        case["modules"] = []
        case["install"] = [chance.choice(universe.names)]
    case["forbid"] = [one for one in case["forbid"] if one not in case["install"]]
    return case


def options(values):
    """The lines of a section of yum.conf. A comma before the first item empties a list that has items by default."""
    return "".join(
        f"{name}={',' * (name == 'installonlypkgs')}{','.join(value) if isinstance(value, list) else value}\n" for name, value in values.items())
