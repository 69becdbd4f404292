"""Controls through stages 5 to 8: they stand apart, and give scores a scale."""

import re

import numpy as np
import pandas as pd
import pytest

from earshift.numerics import metrics
from earshift.stages.report import final_tables
from earshift.stages.report.figures import main
from earshift.stages.report.terminal import main_table
from earshift.stages.statistics import summary
from earshift.tables import SCORES
from tests.helpers.figures import texts
from tests.helpers.page import page, said, section
from tests.helpers.report_tables import write_results
from tests.helpers.two_domains import (
    MEASURES,
    discrepancy_table,
    entries_in,
    measure,
    run,
    summarised,
    write_two_domains,
)

CORRECTIONS = ("lda", "mean_projection")
#: Two that are far apart, and one between them.
CONTROLS = ("shuffle_within_class", "shuffle_all", "class_onehot")
#: Two that leave nothing of the classes.
CHANCE = ("shuffle_within_domain", "shuffle_all")
CELLS = ["method", "train", "test", "metric"]


def methods_of(*names):
    return {name: {"plugin": name} for name in names}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("apart")
    write_two_domains(folder)
    return folder


def tables_of(folder, *names, confidence=0.9):
    """Stages 5 and 7 with some methods; what they write stays in the folder."""
    methods = methods_of(*names)
    run(folder, entries_in(folder), methods=methods, n_refits=4)
    return summarised(folder, methods, confidence=confidence)


@pytest.fixture(scope="module")
def alone(folder):
    """Tables of an experiment without controls."""
    return tables_of(folder, "none", *CORRECTIONS)


@pytest.fixture(scope="module")
def tables(folder):
    """Tables of one with controls, of which one comes before all other methods."""
    return tables_of(folder, CONTROLS[0], "none", *CORRECTIONS, *CONTROLS[1:])


def results_of(folder, out, *names):
    """A folder for stage 8 whose tables are those of real runs with some methods."""
    results = write_results(out, datasets=("a", "b"), models=("m",))
    found = tables_of(folder, *names)
    for name, table in summary.TABLES.items():
        table.write(found[name], results / table.file)
    summary.collect_scores([folder / "scores" / "scores.csv"], results / SCORES.file)
    methods = methods_of(*names)
    measure(folder, entries_in(folder), methods)
    discrepancy_table(folder, methods)
    for name in ("discrepancy", "discrepancy_curve", "discrepancy_null"):
        source = folder / f"{name.removeprefix('discrepancy_')}.csv"
        source = folder / "d.csv" if name == "discrepancy" else source
        (results / "tables" / f"{name}.csv").write_bytes(source.read_bytes())
    return results


@pytest.fixture(scope="module")
def results(folder, tmp_path_factory):
    names = (CONTROLS[0], "none", *CORRECTIONS, *CONTROLS[1:])
    return results_of(folder, tmp_path_factory.mktemp("report") / "r", *names)


def test_corrections_are_judged_as_if_no_control_had_run(alone, tables):
    found = tables["summary"]
    own = found[~found["is_control"]].reset_index(drop=True)
    # These draw classes method after method.
    drawn = ["change_low_classes", "change_high_classes"]
    pd.testing.assert_frame_equal(
        own.drop(columns=drawn), alone["summary"].drop(columns=drawn), check_exact=True
    )
    assert own["p_holm"].notna().any()
    pd.testing.assert_frame_equal(
        tables["differences"], alone["differences"], check_exact=True
    )
    assert alone["rescaled"].empty


def test_controls_have_changes_and_no_verdict(tables):
    found = tables["summary"]
    controls = found[found["is_control"]]
    assert tuple(controls["method"].unique()) == CONTROLS
    auc = controls[controls["metric"].eq("roc_auc")]
    assert len(auc) == 4 * len(CONTROLS)
    assert (
        auc[["change", "change_low", "change_high", "p_value"]].notna().all(axis=None)
    )
    assert controls["verdict"].eq("").all()
    nothing = ["tied_for_best", "p_holm", "p_holm_all", "p_t_holm", "p_beyond_holm"]
    nothing += ["p_equivalent_holm", "change_low_holm", "change_high_holm"]
    assert controls[nothing].isna().all(axis=None)
    # The oracle is the best of all, and not called so.
    best = found[found["metric"].eq("roc_auc") & found["tied_for_best"].eq(True)]
    assert set(best["method"]) <= {"none", *CORRECTIONS}
    assert len(best) >= 4


def test_scores_are_rescaled_between_the_worst_and_the_best_control(tables):
    found, values = tables["rescaled"], tables["summary"].set_index(CELLS)["value"]
    known = found.dropna(subset=["rescaled"])
    assert set(known["method"]) >= {"none", *CORRECTIONS}
    assert set(known["metric"]) >= {"roc_auc", "balanced_accuracy", "log_loss"}
    assert not found["metric"].str.startswith("calibration_").any()
    for row in found.itertuples():
        sign = metrics.metric(row.metric).sign
        cell = row.train, row.test, row.metric
        controls = {name: sign * values[(name, *cell)] for name in CONTROLS}
        ends = [row.worst_control, row.best_control]
        assert ends == [
            min(controls, key=controls.get),
            max(controls, key=controls.get),
        ]
        assert row.method not in ends
        worst, best = (sign * controls[name] for name in ends)
        assert row.span == pytest.approx(best - worst, abs=1e-5)
        holds_0 = row.span_low <= 0 <= row.span_high
        assert np.isnan(row.rescaled) == holds_0
        if not holds_0:
            share = (values[(row.method, *cell)] - worst) / (best - worst)
            assert row.rescaled == pytest.approx(share, abs=1e-4)
            assert row.rescaled_low < row.rescaled < row.rescaled_high
    # Of ROC-AUC, the ends are chance and the oracle.
    auc = known[known["metric"].eq("roc_auc")]
    assert auc["worst_control"].eq("shuffle_all").all()
    assert auc["best_control"].eq("class_onehot").all()
    assert len(auc) == 4 * (1 + len(CORRECTIONS) + 1)
    within = auc["train"].eq(auc["test"]) & auc["method"].eq("none")
    assert auc.loc[within, "rescaled"].between(0.7, 1).all()


def test_the_interval_allows_for_what_is_not_known_of_the_controls(tables):
    """It is wider than if their values were certain."""
    found, whole = tables["rescaled"], tables["summary"].set_index(CELLS)
    auc = found[found["metric"].eq("roc_auc") & found["method"].eq("none")]
    width = (auc["rescaled_high"] - auc["rescaled_low"]).to_numpy()
    cells = list(auc[CELLS].itertuples(index=False, name=None))
    plain = whole.loc[cells, "high"] - whole.loc[cells, "low"]
    assert (width > plain.to_numpy() / auc["span"].to_numpy()).mean() >= 0.5
    assert (width < 3 * plain.to_numpy() / auc["span"].to_numpy()).all()


def test_the_main_table_marks_controls_at_its_end(results):
    html = section(page(results), "results")
    names = re.findall(r'<th scope="row">(\w+)</th>', html)
    assert list(dict.fromkeys(names)) == ["none", *CORRECTIONS, *CONTROLS]
    rows = html.split("<tr>")
    for name in CONTROLS:
        own = [row for row in rows if f'<th scope="row">{name}</th>' in row]
        assert len(own) == 4
        for row in own:
            assert "<td>control</td>" in row
            assert "tied" not in row
            assert not any(word in row for word in ("worth", "harm", "detectable"))
    assert "Controls, at the end, correct nothing" in " ".join(html.split())


def test_the_head_of_the_page_counts_controls_apart(results):
    head = " ".join(page(results).split("<nav")[0].split())
    assert "3 methods (none, lda, mean_projection), 3 controls (" in head
    assert ", ".join(CONTROLS) + "), classifier" in head


def test_other_tables_of_the_page_name_controls_as_such(results):
    html = page(results)
    for name in ("gap-table", "discrepancy-table", "rescaled"):
        own = section(html, name)
        marked = re.findall(r'row">(\w+) <span class="i">\(control\)', own)
        expected = CONTROLS[:1] if name == "rescaled" else CONTROLS
        assert tuple(dict.fromkeys(marked)) == expected
        assert 'row">lda</th>' in own


def test_findings_speak_of_corrections_alone(results):
    text = said(results)
    for name in CORRECTIONS:
        assert f"{name} (target_unlabelled): " in text
    assert not any(name in text for name in CONTROLS)


def test_the_section_between_the_controls_has_the_values_of_the_table(results):
    html = " ".join(section(page(results), "rescaled").split())
    found = final_tables.read(results / "tables").rescaled
    told = found[found["metric"].isin(final_tables.TOLD)].dropna(subset=["rescaled"])
    assert len(told) > 20
    for row in told.itertuples():
        value = f"{row.rescaled:.2f}".replace("-", "\N{MINUS SIGN}")
        assert f"<td>{value} <span" in html
    assert "<td>shuffle_all</td><td>class_onehot</td>" in html
    assert "undefined" not in html


def test_where_controls_do_not_differ_there_is_no_scale_and_the_page_says_so(
    folder, tmp_path
):
    results = results_of(folder, tmp_path / "r", "none", "lda", *CHANCE)
    found = final_tables.read(results / "tables").rescaled
    assert set(found["method"]) == {"none", "lda"}
    holds_0 = found["span_low"].le(0) & found["span_high"].ge(0)
    ends = ["rescaled", "rescaled_low", "rescaled_high"]
    assert found.loc[holds_0, ends].isna().all(axis=None)
    assert found.loc[~holds_0, "rescaled"].notna().all()
    told = found[found["metric"].isin(final_tables.TOLD)]
    n = int(told["rescaled"].isna().sum())
    assert n >= len(told) / 2
    html = section(page(results), "rescaled")
    assert html.count("undefined: the controls do not differ") == n


def test_one_control_makes_no_scale_and_no_section(folder, tmp_path):
    results = results_of(folder, tmp_path / "r", "none", "lda", "random_projection")
    assert final_tables.read(results / "tables").rescaled.empty
    html = page(results)
    assert 'id="rescaled"' not in html
    assert "<td>control</td>" in section(html, "results")
    assert "random_projection" not in said(results)


def test_figures_tell_controls_from_corrections(results):
    found = final_tables.read(results / "tables", measures=MEASURES)
    assert found.variants == ["none", *CORRECTIONS]
    assert found.controls == list(CONTROLS)
    oracles = {f"{name} \N{SECTION SIGN}" for name in CONTROLS}
    for draw in (main.gaps, main.discrepancy):
        figure = draw(found)
        assert oracles <= texts(figure)
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        assert "control" in legend
    assert not oracles & texts(main.changes(found))


def test_the_terminal_shows_controls_last_and_without_a_verdict(results):
    lines = main_table(results).splitlines()
    names = [line.split()[0] for line in lines if re.match(r"  \w+ +\d\.\d\d", line)]
    assert names == ["none", *CORRECTIONS, *CONTROLS]
    changes = [line for line in lines if line.count(" control") == 2]
    assert len(changes) == len(CONTROLS)
    assert "Controls correct nothing: they mark the ends of the scale." in lines
    assert max(map(len, lines[:-2])) <= 100


def test_controls_need_no_correction_beside_them(folder, tmp_path):
    results = results_of(folder, tmp_path / "r", "none", *CONTROLS[1:])
    main.draw_figures(results / "tables", MEASURES, tmp_path / "figures")
    html = page(results)
    assert section(html, "rescaled").count('row">none</th>') == 4 * 2
    assert "What do the corrections do?" not in html
    assert main_table(results).count(" control\n") == len(CONTROLS[1:])
