"""The lock, the conda files and pyproject.toml name the same packages."""

import ast
import importlib.metadata as metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from tests.helpers.bare import python_without_earshift
from tests.helpers.places import LIBRARY, ROOT, SCRIPTS
from tests.helpers.report_tables import write_results
from tests.helpers.workflow import write_experiment

#: Name of a package on conda-forge -> its name in pyproject.toml.
CONDA_NAMES = {
    "pysoundfile": "soundfile",
    "python-soxr": "soxr",
    "matplotlib-base": "matplotlib",
    "tensorflow": "tensorflow-cpu",
}


def requirements():
    """Package -> version bounds, of each group of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"library": project["dependencies"], **project["optional-dependencies"]}
    return {
        group: dict(
            re.fullmatch(r"([\w-]+)(?:\[\w+\])?(.*)", line).groups() for line in lines
        )
        for group, lines in groups.items()
    }


def conda(name):
    """Package -> version bounds, of a conda file."""
    content = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    lines = [line for line in content["dependencies"] if isinstance(line, str)]
    pairs = dict(re.fullmatch(r"([\w-]+) ?(.*)", line).groups() for line in lines)
    pip = [d["pip"] for d in content["dependencies"] if isinstance(d, dict)]
    for line in pip[0] if pip else []:
        if not line.startswith("--"):
            pairs.update([re.fullmatch(r"([\w-]+)(.*)", line).groups()])
    return {CONDA_NAMES.get(k, k): v for k, v in pairs.items() if k != "pip"}


def locked():
    text = (ROOT / "envs" / "requirements.lock").read_text()
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", text, re.M)
    return {name.replace("_", "-"): version for name, version in pins}, text


def test_the_lock_holds_every_dependency_within_its_bounds():
    from packaging.specifiers import SpecifierSet

    pins, _ = locked()
    for group in requirements().values():
        for name, bounds in group.items():
            assert name in pins, f"{name}: run `make lock`"
            assert pins[name] in SpecifierSet(bounds), f"{name}: run `make lock`"


def test_the_lock_has_a_hash_for_every_package_and_no_address():
    pins, text = locked()
    blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:]
    assert len(blocks) >= len(pins)
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize(
    ("file", "groups"),
    [
        ("analysis", ["library", "remote", "elastic", "dashboard"]),
        ("driver", ["library", "workflow"]),
        ("tensorflow", ["library", "models", "remote"]),
    ],
)
def test_a_conda_file_lists_what_pyproject_lists(file, groups):
    listed = conda(file)
    assert listed.pop("python") == ">=3.11"
    if file == "driver":  # the one model whose weights are in a package
        assert listed.pop("musicnn") == requirements()["models"]["musicnn"]
    expected = {k: v for group in groups for k, v in requirements()[group].items()}
    assert listed == expected


def with_dependencies(names):
    """Names of some installed packages and of all that these need."""
    found, left = set(), [(name, ()) for name in names]
    while left:
        name, extras = left.pop()
        if (key := (plain(name), tuple(extras))) in found:
            continue
        found.add(key)
        for line in map(Requirement, metadata.requires(name) or []):
            wanted = [{"extra": extra} for extra in (*extras, "")]
            if line.marker is None or any(map(line.marker.evaluate, wanted)):
                left.append((line.name, sorted(line.extras)))
    return {name for name, _ in found}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


#: Python imports this when it starts.
SITE = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def with_packages_of(file, folder):
    """Return variables of processes that import what a conda file lists, no more.

    Snakemake is there as well: its jobs find it in the environment of the driver.
    """
    pytest.importorskip("snakemake", reason="snakemake is not installed")
    # musicnn is there for its weights; what it needs itself is not.
    known = with_dependencies({*conda(file), "snakemake"} - {"python", "musicnn"})
    known |= {"musicnn", "earshift"}
    of_module = metadata.packages_distributions().items()
    refused = sorted(m for m, d in of_module if not known & set(map(plain, d)))
    assert "mypy" in refused
    (folder / "sitecustomize.py").write_text(f"REFUSED = {refused!r}\n{SITE}")
    paths = [str(folder), str(ROOT / "workflow" / "scripts")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


@pytest.mark.workflow
@pytest.mark.parametrize("arguments", [["-n", "--cores", "1"], ["--status"]])
def test_the_driver_needs_no_package_that_its_conda_file_lacks(tmp_path, arguments):
    folder = write_experiment(tmp_path / "run")
    script = ROOT / "workflow" / "scripts" / "run.py"
    done = subprocess.run(
        [sys.executable, script, "--configfile", "experiment.yaml", *arguments],
        cwd=folder,
        env=with_packages_of("driver", tmp_path),
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.workflow
def test_the_table_of_a_run_needs_no_installed_library(tmp_path):
    pytest.importorskip("snakemake", reason="snakemake is not installed")
    folder = write_experiment(tmp_path / "run")
    write_results(folder / "results")
    (folder / "results" / "report.html").touch()
    python = python_without_earshift(tmp_path / "venv")
    variables = dict(os.environ)
    variables.pop("PYTHONPATH", None)
    command = [python, "-c", "import earshift.stages.report"]
    assert subprocess.run(command, env=variables, stderr=subprocess.DEVNULL).returncode
    script = ROOT / "workflow" / "scripts" / "run.py"
    done = subprocess.run(
        [python, script, "--configfile", "experiment.yaml", "weights"],  # none
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("Report: results/report.html\n"), done.stderr[-3000:]


def test_rules_need_no_package_that_their_conda_file_lacks(tmp_path):
    scripts = sorted(f for f in SCRIPTS.rglob("*.py") if not f.is_relative_to(LIBRARY))
    trees = [ast.parse(script.read_text()) for script in scripts]
    imports = [
        ast.unparse(node)
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert len(imports) > 2 * len(scripts) > 60
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(imports)],
        env=with_packages_of("analysis", tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture
def project(tmp_path):
    """A clone with the environment of these tests, and a newer lock."""
    folder = tmp_path / "a clone"
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / "envs").mkdir()
    for name in ("Makefile", "envs/installed.py", "envs/requirements.lock"):
        shutil.copyfile(ROOT / name, folder / name)
    maker = folder / "maker"
    maker.write_text('#!/bin/sh\necho "$@" >> made\nexit 3\n')
    for file in (python, maker):
        file.chmod(0o755)
    return folder


def make_setup(folder):
    """Run `make setup` with a Python that only says what it is asked for."""
    if not shutil.which("make"):
        pytest.skip("there is no make")
    # Of its own: the `make` that runs these tests hands down its flags and depth.
    inherited = {"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}
    done = subprocess.run(
        ["make", "setup", "PYTHON=./maker"],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key not in inherited},
        capture_output=True,
        text=True,
    )
    file = folder / "made"
    made = file.read_text() if file.exists() else ""
    return done, made


def test_an_environment_is_kept_while_it_has_what_the_lock_names(project):
    done, made = make_setup(project)
    assert (done.returncode, made) == (0, ""), done.stderr
    assert done.stdout == ""


def test_an_environment_that_lacks_something_is_made_anew(project):
    lock = project / "envs" / "requirements.lock"
    lock.write_text(lock.read_text().replace("\nnumpy==", "\nnumpy==99."))
    done, made = make_setup(project)
    assert done.returncode != 0
    assert made == "-m venv --clear .venv\n"
    assert ".venv: numpy 99." in done.stdout
    assert f"is wanted, {metadata.version('numpy')} is there" in done.stdout
    # Without any, too.
    (project / "made").unlink()
    shutil.rmtree(project / ".venv")
    assert make_setup(project)[1] == "-m venv --clear .venv\n"


def test_an_environment_that_is_a_link_is_never_cleared(project):
    lock = project / "envs" / "requirements.lock"
    lock.write_text("a-package==1.0\n")
    (project / ".venv").rename(project / "theirs")
    (project / ".venv").symlink_to("theirs")
    done, made = make_setup(project)
    assert (done.returncode != 0, made) == (True, "")
    assert "a-package 1.0 is wanted, none is there" in done.stdout
    assert "Error: .venv is a link, and not cleared" in done.stderr
    assert (project / "theirs" / "bin" / "python").exists()
