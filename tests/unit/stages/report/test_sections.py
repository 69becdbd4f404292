"""The page is a loop over sections, and is made from what they say they need."""

import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from earshift.errors import DataError
from earshift.stages.report import captions, page, sections
from earshift.stages.report.figures import main as figures
from earshift.stages.report.sections import Section
from tests.helpers.places import ROOT, SCRIPTS
from tests.helpers.report_tables import config_of, write_results
from tests.helpers.study_results import write_study

TEMPLATE = ROOT / "workflow" / "report" / "page.html.j2"

OWN = '''
"""A study with a section: how many clips each dataset has."""

import base64
from pathlib import Path

import pandas as pd

from earshift.studies import Figure, Findings, Section, Study

version, citation = 1, "Nobody (2024)"


class Sizes(Section):
    id = "sizes"
    title = "How many"
    template = Path(__file__).with_name("sizes.html.j2")

    def needs(self, config):
        return ["tables/sizes.csv", "figures/mine/sizes.svg"]

    def values(self, experiment):
        sizes = pd.read_csv(experiment.results / "tables" / "sizes.csv")
        return {"sizes": dict(sizes.to_numpy())} if len(sizes) else None

    def findings(self, experiment):
        return [Findings("Which is larger?", ["Here & there are alike."])]

    def figures(self, experiment):
        return [Figure("mine/sizes", "Sizes", "Two bars", "With {level} intervals.")]


class Mine(Study):
    sections = (Sizes(),)


def make():
    return Mine()
'''

OWN_TEMPLATE = """
<section aria-labelledby="sizes">
<h2 id="sizes">How many clips</h2>
{% for name, n in sizes.items() %}
<p>{{ name }} has {{ number(n, 1) }}; {{ names | join(" and ") }}; {{ level }}.</p>
{% endfor %}
{{ drawn(figures[0]) }}
</section>
"""


def write(results, config):
    (results / "figures").mkdir(exist_ok=True)
    for name in (*figures.FIGURES, "audio"):
        (results / "figures" / f"{name}.svg").write_text("<svg/>")
    return rendered(results, config)


def rendered(results, config):
    out = results / "report.html"
    page.write_report(results, config, {"models": {"m": 1}}, template=TEMPLATE, out=out)
    return " ".join(out.read_text(encoding="utf-8").split())


@pytest.fixture
def own(tmp_path):
    """Results of an experiment with a study of a user's own, and its config."""
    results = write_results(tmp_path / "r")
    (results / "figures" / "mine").mkdir(parents=True)
    (results / "figures" / "mine" / "sizes.svg").write_text("<svg>mine</svg>")
    sizes = pd.DataFrame({"dataset": ["<b>", "there"], "n": [3, 4]})
    sizes.to_csv(results / "tables" / "sizes.csv", index=False)
    study = tmp_path / "study.py"
    study.write_text(OWN)
    study.with_name("sizes.html.j2").write_text(OWN_TEMPLATE)
    return results, config_of(results) | {"study": str(study)}


def test_a_new_section_is_on_the_page_in_its_contents_and_findings(own):
    html = write(*own)
    names = re.findall(r'<section aria-labelledby="([^"]*)">', html)
    assert names[8:11] == ["discrepancy-table", "sizes", "classes"]
    assert '<li><a href="#sizes">How many</a></li>' in html
    assert "&lt;b&gt; has 3.0; here and there; 90 %." in html
    assert '<figure id="figure-mine-sizes">' in html
    assert "With 90 % intervals." in html
    top = html[html.index('id="findings"') : html.index('id="results"')]
    assert "<h3>Which is larger?</h3> <ul> <li>Here &amp; there are alike.</li>" in top


def test_a_section_with_nothing_to_show_is_left_out_and_its_findings_are_told(own):
    results, config = own
    (results / "tables" / "sizes.csv").write_text("dataset,n\n")
    (results / "figures" / "mine" / "sizes.svg").unlink()
    html = write(results, config)
    assert 'id="sizes"' not in html
    assert 'href="#sizes"' not in html
    assert "How many" not in html
    assert "Here &amp; there are alike." in html


@pytest.mark.parametrize("file", ["tables/sizes.csv", "figures/mine/sizes.svg"])
def test_a_section_whose_file_is_missing_is_named_with_the_file(own, file):
    results, config = own
    assert file in page.needs(config)
    (results / file).unlink()
    said = f"the section Sizes of the report needs a file that is missing: .*{file}"
    with pytest.raises(DataError, match=said):
        write(results, config)
    assert not (results / "report.html").exists()


@pytest.mark.parametrize("file", ["1_clips/here.parquet", "4_splits/classes.csv"])
def test_so_is_a_section_of_the_core(tmp_path, file):
    results = write_results(tmp_path / "r")
    (results / file).unlink()
    with pytest.raises(DataError, match=f"is missing: .*{file}"):
        write(results, config_of(results))


def plain(folder):
    """Results without a study, with training clips that are drawn."""
    results = write_results(folder, classes=("cello",))
    clips = [
        {"repeat": 0, "fold": 0, "class": "cello", "dataset": d, "clip_id": f"{d}{i}"}
        for d in ("here", "there")
        for i in range(2)
    ]
    pd.DataFrame(clips).to_parquet(results / "4_splits" / "draws.fixed.parquet")
    (results / "tables" / "padding.csv").write_text(
        "dataset,model,condition,short,window_s,n_clips,n_padded,padding\n"
        "here,mfcc,clean,pad,1,6,3,0.5\nthere,mfcc,clean,pad,1,6,0,0\n"
    )
    for name in ("here", "there"):
        (results / "1_clips" / f"{name}.notes.json").write_text('{"warnings": ["W"]}')
    return results, config_of(results) | {"splits": {"balance": "joint"}}


def of_study(folder):
    results = write_study(folder)
    home = results / "figures" / "study"
    home.mkdir(parents=True)
    for name in captions.STUDY:
        (home / f"{name.format('fixed')}.svg").write_text("<svg/>")
    return results, config_of(results) | {"deviations": True}


@pytest.mark.parametrize("make", [plain, of_study])
def test_the_page_is_made_from_what_its_sections_need_and_no_more(tmp_path, make):
    results, config = make(tmp_path / "r")
    html = write(results, config)
    needed = page.needs(config)
    assert len(needed) == len(set(needed))
    alone = tmp_path / "alone"
    for file in filter(lambda file: (results / file).exists(), needed):
        (alone / file).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (results / file).is_dir() else shutil.copy
        copy(results / file, alone / file)
    assert rendered(alone, config) == html
    for file in ("tables/padding.csv", "4_splits/draws.fixed.parquet"):
        assert (file in needed) or make is of_study
    assert "filled up with zeros" in html or make is of_study


def test_every_module_that_has_a_section_is_in_the_page():
    shown = {type(section) for section in (*page.RESULTS, *page.BACKGROUND)}
    found = set()
    for module in pkgutil.iter_modules(sections.__path__, f"{sections.__name__}."):
        named = vars(importlib.import_module(module.name)).values()
        found |= {
            each
            for each in named
            if isinstance(each, type) and each.__module__ == module.name
        }
    found = {each for each in found if issubclass(each, Section)}
    assert len(found) > 10
    assert found == shown


def test_no_section_is_on_the_page_twice():
    shown = [type(section) for section in (*page.RESULTS, *page.BACKGROUND)]
    assert len(set(shown)) == len(shown)


def test_each_template_is_that_of_one_section_and_has_its_heading():
    study = page.sections_of({"study": "ismir2023"})
    templates = {s.template: s for s in study if hasattr(s, "template")}
    assert set(templates) == set(sections.TEMPLATES.iterdir())
    for template, section in templates.items():
        assert template.read_text().count(f'<h2 id="{section.id}">') == 1
        assert section.title
    assert len({section.id for section in templates.values()}) == len(templates)


def test_what_sections_need_is_known_without_loading_what_they_compute_with(tmp_path):
    config = config_of(write_results(tmp_path / "r"))
    code = (
        "import sys\nfrom earshift.stages.report import page\n"
        f"print(len(page.needs({config!r})))\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    n, loaded = done.stdout.splitlines()
    assert int(n) == len(page.needs(config)) > 30
    assert not set(loaded.split()) & {"jinja2", "matplotlib", "sklearn", "zarr"}
