"""What tells the datasets apart: the section, its figure and its sentences."""

import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from earshift.stages.report import final_tables
from earshift.stages.report.figures import main, style
from tests.helpers.figures import drawn_axes
from tests.helpers.page import page, section
from tests.helpers.report_tables import MEASURES, config_of, write_results

CUE = {"plugin": "acoustic_cues", "cues": ["level"]}


@pytest.fixture
def results(tmp_path):
    """A model of cues named after another: level gives .9, and .6 behind a front."""
    folder = write_results(
        tmp_path / "r", models=("mfcc", "loudness"), methods=("none", "lda", "front")
    )
    file = folder / "tables" / "discrepancy.csv"
    table = pd.read_csv(file)
    for model, method, value in [
        *(("loudness", "none", 0.9), ("loudness", "front", 0.6)),
        *(("mfcc", "none", 0.97), ("mfcc", "front", 0.95)),
    ]:
        own = table["model"].eq(model) & table["method"].eq(method)
        table.loc[own, ["value", "low", "high"]] = value, value - 0.02, value + 0.02
    table.to_csv(file, index=False)
    return folder


def config(results, *, with_cue=True):
    out = config_of(results)
    out["methods"]["front"] = {"plugin": "none", "front": "front_level"}
    if with_cue:
        out["models"]["loudness"] = CUE
    return out


def test_cues_come_first_and_only_fronts_stand_beside_them(results):
    own = section(page(results, config(results)), "attribution")
    text = " ".join(own.split())
    assert text.index('<th scope="row">loudness') < text.index('<th scope="row">mfcc')
    assert '<th scope="col">front</th>' in text
    assert '<th scope="col">lda' not in text
    assert '0.90 <span class="i">[0.88, 0.92]' in text
    assert '0.60 <span class="i">[0.58, 0.62]' in text
    assert "0.51, 0.51" in text
    assert "how well the datasets are told apart, a line for each model" in text


def test_the_findings_say_what_cues_can_do_and_what_a_front_leaves(results):
    said = " ".join(section(page(results, config(results)), "findings").split())
    assert "Where does the difference come from?" in said
    assert (
        "from what is no content, with 0.90 [0.88, 0.92] by loudness; "
        "from the embeddings, with 0.97 [0.95, 0.99] by mfcc."
    ) in said
    assert (
        "With front, that is 0.60 [0.58, 0.62] by loudness and 0.95 [0.93, 0.97] by "
        "mfcc."
    ) in said


def test_without_cues_there_is_no_section(results):
    html = page(results, config(results, with_cue=False))
    assert 'id="attribution"' not in html
    assert "Where the difference comes from" not in html


def test_the_figure_has_a_line_for_each_model_and_marks_at_the_values(results):
    found = final_tables.read(results / "tables", measures=MEASURES)
    (ax,) = drawn_axes(main.FIGURES["attribution"](found))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["loudness", "mfcc"]
    dots = {
        (line.get_ydata()[0], to_rgba(line.get_color())): line.get_xdata()[0]
        for line in ax.lines
        if line.get_marker() == "o"
    }
    black, front = to_rgba(style.BLACK), to_rgba(style.COLOURS[1])
    assert dots[0, black] == pytest.approx(0.9)
    assert dots[1, black] == pytest.approx(0.97)
    assert dots[0, front] == pytest.approx(0.6)
    halves = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "|"]
    assert halves == pytest.approx([0.51] * 4)
