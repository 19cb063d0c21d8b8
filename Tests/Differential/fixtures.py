"""Builds the repositories of dnf's behaviour tests from their specs, as their build.sh and `I use repository` do."""
import concurrent.futures
import hashlib
import os
import shutil
import subprocess


class Fixtures:
    """- checkout: of ci-dnf-stack.
    - folder: where the packages are kept; a spec that has not changed is not built again."""

    def __init__(self, checkout, folder):
        self.specs = os.path.join(checkout, "dnf-behave-tests", "fixtures", "specs")
        self.folder = folder
        self.failures = []

    def build(self, names):
        """A name without specs is an empty repository."""
        names = sorted(set(names))
        jobs = [(name, spec) for name in names if os.path.isdir(os.path.join(self.specs, name))
                for spec in sorted(os.listdir(os.path.join(self.specs, name))) if spec.endswith(".spec")]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            self.failures += filter(None, pool.map(lambda job: self.package(*job), jobs))
            self.failures += filter(None, pool.map(self.metadata, names))

    def package(self, name, spec):
        """- Returns: what went wrong."""
        path = os.path.join(self.specs, name, spec)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        stamp = os.path.join(self.folder, "stamps", f"{name}+{spec}")
        if os.path.exists(stamp) and open(stamp).read() == digest:
            return None
        top = os.path.join(self.folder, "build", f"{name}+{spec}")
        architectures = ["x86_64"] + [one for one in ("i686", "i386", "ppc64") if one in spec]
        for architecture in architectures:
            defines = {"_topdir": top, "_rpmdir": os.path.join(self.folder, "repositories", name), "dist": ".fc29", "_binary_payload": "w1.gzdio",
                       "_build_id_links": "none", "debug_package": "%{nil}", "__os_install_post": "%{nil}"}
            command = ["rpmbuild", "--quiet", "-bb", "--nodeps", "--target", architecture]
            for key, value in defines.items():
                command += ["--define", f"{key} {value}"]
            run = subprocess.run(command + [path], capture_output=True, text=True, errors="replace")
            if run.returncode:
                return f"{name}/{spec}: {run.stderr.strip().splitlines()[-1] if run.stderr.strip() else run.returncode}"
        shutil.rmtree(top, ignore_errors=True)
        os.makedirs(os.path.dirname(stamp), exist_ok=True)
        with open(stamp, "w") as file:
            file.write(digest)
        return None

    def metadata(self, name):
        """- Returns: what went wrong."""
        repository = os.path.join(self.folder, "repositories", name)
        os.makedirs(repository, exist_ok=True)
        command = ["createrepo_c", "-q", "--no-database", "--simple-md-filenames", "--revision=1550000000"]
        specs = os.path.join(self.specs, name)
        if os.path.exists(os.path.join(specs, "comps.xml")):
            command += ["--groupfile", os.path.join(specs, "comps.xml")]
        commands = [command + [repository]]
        for file, kind in [("updateinfo.xml", []), ("modules.yaml", ["--mdtype=modules"])]:
            if os.path.exists(os.path.join(specs, file)):
                commands.append(["modifyrepo_c", *kind, os.path.join(specs, file), os.path.join(repository, "repodata")])
        for one in commands:
            run = subprocess.run(one, capture_output=True, text=True, errors="replace")
            if run.returncode:
                return f"{name}: {' '.join(one)}: {run.stderr.strip()}"
        return None
