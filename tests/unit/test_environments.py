"""The lock, the conda files and pyproject.toml name the same packages."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

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
        ("tensorflow", ["library", "models", "remote"]),
    ],
)
def test_a_conda_file_lists_what_pyproject_lists(file, groups):
    listed = conda(file)
    assert listed.pop("python") == ">=3.11"
    expected = {k: v for group in groups for k, v in requirements()[group].items()}
    assert listed == expected


def test_the_driver_lists_nothing_that_pyproject_does_not():
    listed = conda("driver")
    assert listed.pop("python") == ">=3.11"
    known = {k: v for group in requirements().values() for k, v in group.items()}
    assert listed.items() <= known.items()
    assert "snakemake" in listed
