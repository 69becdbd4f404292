"""What every study must do; nothing of one is loaded unless it is asked for."""

import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from earshift import registry
from earshift.debias import Method
from earshift.errors import ConfigError
from earshift.evaluation.protocol import FIXED, NO_STUDY, draw_of, study_of, version_of
from earshift.runs import job_list, settings
from tests.helpers.config import SCHEMA, minimal
from tests.helpers.places import LIBRARY, SCRIPTS
from tests.helpers.plugins import PLUGINS

NAMES = registry.names("studies")

CONFIG = {"deviations": True, "protocols": ["fixed"]}


def loaded(code):
    """Names of the modules that are there after some code, in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_core_loads_no_study():
    """They are loaded by name, where a configuration asks for one."""
    rooms = ("runs", "stages", "evaluation")
    files = [file for room in rooms for file in (LIBRARY / room).rglob("[!_]*.py")]
    modules = [".".join(f.relative_to(SCRIPTS).with_suffix("").parts) for f in files]
    assert len(modules) > 50
    found = loaded("\n".join(f"import {module}" for module in modules))
    assert found.issuperset(modules)
    assert not {n for n in found if n.startswith("earshift.studies")}


@pytest.mark.parametrize("name", NAMES)
def test_a_study_is_made_in_no_time(name):
    found = loaded(
        f"from earshift.evaluation.protocol import study_of\nstudy_of({name!r})"
    )
    assert f"earshift.studies.{name}" in found
    heavy = {"sklearn", "scipy", "matplotlib", "h5py", "jinja2", "dask"}
    assert not found & heavy


@pytest.mark.parametrize("name", NAMES)
def test_a_study_says_what_it_is_of(name):
    plugin = registry.load("studies", name)
    assert re.search(r"\b(19|20)\d\d\b", plugin.citation)
    assert (plugin.__doc__ or "").strip()


@pytest.mark.parametrize("name", NAMES)
def test_protocols_know_methods_that_there_are_and_what_these_see(name):
    known = set(registry.names("debias"))
    study = study_of(name)
    for protocol in study.protocols:
        assert study.protocol(protocol.name) is protocol
        methods = known if protocol.methods is None else set(protocol.methods)
        assert "none" in methods <= known
        assert protocol.sees(Method.of("none", {"plugin": "none"})) == "none"
        assert {protocol.sees(Method.of(m, {"plugin": m})) for m in methods} <= set(
            registry.ACCESS
        )
        if protocol.balance not in (None, "none", "joint"):
            assert draw_of(protocol.balance, study) is study.draws[protocol.balance]
        table = pd.DataFrame({"subgroup": ["a"], protocol.subgroups: ["b"]})
        assert protocol.subgroup_of(table).tolist() == ["b"]
        assert protocol.subgroup_of(table[[]].assign(subgroup="c")).tolist() == ["c"]


def cells(rng):
    """Clips of two datasets, one of which has fewer of everything."""
    return {
        name: {
            present: {
                group: [f"{name}{group}{present}{i}" for i in range(int(n))]
                for group, n in zip("xyz", rng.integers(size, 2 * size, 3), strict=True)
            }
            for present in (True, False)
        }
        for name, size in (("a", 20), ("b", 10))
    }


@pytest.mark.parametrize(
    ("name", "balance"), [(n, way) for n in NAMES for way in study_of(n).draws]
)
def test_a_draw_takes_clips_that_there_are_and_depends_on_its_seeds_alone(
    name, balance
):
    draw = study_of(name).draws[balance]
    given = cells(np.random.default_rng(0))
    found = draw(given, [0, 1, 0, 7])
    assert found == draw(given, [0, 1, 0, 7])
    assert found != draw(given, [0, 2, 0, 7])
    for dataset, ids in found.items():
        groups = [g for own in given[dataset].values() for g in own.values()]
        own = {clip for group in groups for clip in group}
        assert len(set(ids)) == len(ids)
        assert set(ids) <= own
    n_given = sum(len(g) for own in given["a"].values() for g in own.values())
    assert 0 < len(found["a"]) < n_given  # as b has fewer
    # Any experiment may use it.
    assert draw_of(balance, NO_STUDY) is draw


@pytest.mark.parametrize("name", NAMES)
def test_jobs_and_files_fit_the_workflow(name):
    study = study_of(name)
    config = CONFIG | {"protocols": ["fixed", *(p.name for p in study.protocols)]}
    if not study.has_deviations:
        config["deviations"] = False
    stages = {stage for stage, _ in job_list.RULES.values()}
    jobs = study.jobs(config)
    assert {stage for stage, _ in jobs.values()} <= stages
    assert not jobs.keys() & job_list.RULES.keys()
    files = [file for section in study.sections for file in section.needs(config)]
    assert len(set(files)) == len(files)
    assert all(file.startswith(("tables/", "figures/")) for file in files)
    if study.rules is None:
        assert not jobs
        assert not files
    else:
        text = study.rules.read_text()
        assert set(re.findall(r"^rule (\w+):", text, re.M)) == jobs.keys()
    for section in study.sections:
        assert f'id="{section.id}"' in section.template.read_text()


def test_every_version_of_every_study_is_another_one(tmp_path, monkeypatch):
    """Two studies may have a protocol of one name, and both a first version."""
    assert version_of(None) == {}
    seen = [version_of(None)]
    for name in NAMES:
        plugin = registry.load("studies", name)
        for version in (1, 2):
            monkeypatch.setattr(plugin, "version", version)
            seen.append(version_of(name))
            # Results from before studies had versions are those of this one's first.
            if getattr(plugin, "precedes_versions", False) and version == 1:
                assert seen.pop() == {}
            else:
                assert seen[-1].keys() == {"study"}
    file = tmp_path / "mine.py"
    file.write_text(SMALL)
    seen.append(version_of(str(file)))
    # An edit of a user's own file counts.
    assert str(seen[-1]["study"]).startswith("1+")
    assert len(set(map(str, seen))) == len(seen)
    assert [n for n in NAMES if version_of(n) == {}] == []
    monkeypatch.undo()
    assert [n for n in NAMES if version_of(n) == {}] == ["ismir2023"]


SMALL = """
from earshift.studies import Protocol, Study

version, citation = 1, "Nobody (2024)"


class Coarse(Protocol):
    name = "coarse"


class Mine(Study):
    protocols = (Coarse(),)


def make():
    return Mine()
"""


def test_a_folder_among_the_studies_is_one(tmp_path, monkeypatch):
    import earshift.studies

    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "numbers.py").write_text("NAME = 'fine'\n")
    text = SMALL.replace('"coarse"', "NAME")
    imported = "from earshift.studies.mine.numbers import NAME\n"
    text = text.replace("\nversion", f"{imported}\nversion")
    (folder / "__init__.py").write_text(text)
    path = [*earshift.studies.__path__, str(tmp_path)]
    monkeypatch.setattr(earshift.studies, "__path__", path)
    assert "mine" in registry.names("studies")
    assert study_of("mine").protocol("fine").name == "fine"
    assert study_of("mine").protocol("fixed") is FIXED
    assert version_of("mine") == {"study": "mine 1"}
    with pytest.raises(ConfigError, match="'fine' is of the study 'mine': add 'study:"):
        NO_STUDY.protocol("fine")
    for module in [n for n in sys.modules if n.startswith("earshift.studies.mine")]:
        monkeypatch.delitem(sys.modules, module)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"coarse"', '"fixed"', "has a protocol 'fixed'"),
        ('"coarse"', '"a/b"', "has a protocol 'a/b'"),
        ("(Coarse(),)", "(Coarse(), Coarse())", "none twice"),
        ("return Mine()", "return None", "must return an earshift.studies.Study, got"),
        ("citation", "source", "does not define 'citation'"),
        ("(Coarse(),)", "(Coarse,)", "must be objects of classes that derive from"),
        ("(Coarse(),)", "('coarse',)", "must be objects .*, got 'coarse'"),
        ('"coarse"', "3", "has a protocol '3'"),
        ("(Coarse(),)", "(Coarse(),); draws = {'joint': max}", "draw called 'joint'"),
    ],
)
def test_a_study_that_cannot_be_is_refused(tmp_path, old, new, message):
    file = tmp_path / "mine.py"
    assert SMALL.count(old) == 1
    file.write_text(SMALL.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        study_of(str(file))


def test_a_protocol_of_options_that_the_classifier_lacks_is_refused(tmp_path):
    file = tmp_path / "mine.py"
    setting = 'name = "coarse"\n    classifier = {"C": [1.0]}'
    file.write_text(SMALL.replace('name = "coarse"', setting))
    asked = {"study": str(file), "protocols": ["fixed", "coarse"]}
    assert settings.resolve(minimal(**asked), SCHEMA)["protocols"] == asked["protocols"]
    other = minimal(**asked, classifier={"plugin": str(PLUGINS / "nearest.py")})
    with pytest.raises(
        ConfigError, match=r"'coarse' sets options .* has no option 'C'"
    ):
        settings.resolve(other, SCHEMA)
    file.write_text(SMALL.replace('name = "coarse"', setting.replace("1.0", "0")))
    with pytest.raises(
        ConfigError, match=r"'coarse' sets .*C must hold numbers above 0"
    ):
        settings.resolve(minimal(**asked), SCHEMA)


SECTION = """
from pathlib import Path

from earshift.studies import Section, Study

version, citation = 1, "Nobody (2024)"


class Part(Section):
    id = "part"
    title = "A part"
    template = Path(__file__).with_name("part.html.j2")


class Mine(Study):
    sections = (Part(),)


def make():
    return Mine()
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(Part(),)", '("Part",)', "must be earshift.studies.Section, got 'Part'"),
        ('title = "A part"', "", "the section Part .* does not define 'title'"),
        ('"part.html.j2"', '"paart.html.j2"', "no template '.*paart.html.j2'"),
    ],
)
def test_a_section_that_cannot_be_shown_is_refused(tmp_path, old, new, message):
    (tmp_path / "part.html.j2").write_text('<h2 id="part">A part</h2>')
    file = tmp_path / "mine.py"
    file.write_text(SECTION)
    assert len(study_of(str(file)).sections) == 1
    assert SECTION.count(old) == 1
    other = tmp_path / "other.py"
    other.write_text(SECTION.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        study_of(str(other))
