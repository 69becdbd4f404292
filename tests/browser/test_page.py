"""The report as a browser shows it: whole, without a network, without an error."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from earshift.stages.report.figures import audio, main
from earshift.stages.report.page import write_report
from tests.helpers.report_tables import MEASURES, config_of, write_results

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TEMPLATE = Path(__file__).parents[2] / "workflow" / "report" / "page.html.j2"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
]

#: Run in the page under test only: writes what it measures into the document.
PROBE = """
<script>
addEventListener("load", () => {
  const sizes = [...document.images].map(i => `${i.naturalWidth}:${i.clientWidth}`);
  const root = document.documentElement;
  const fetched = performance.getEntriesByType("resource")
    .filter(entry => !entry.name.startsWith("data:")).length;
  const found = {images: sizes.join(), fetched, overflow:
    root.scrollWidth - root.clientWidth};
  const out = document.createElement("output");
  out.id = "probe";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    results = write_results(tmp_path_factory.mktemp("results") / "r")
    main.draw_figures(results / "tables", MEASURES, results / "figures")
    svg = results / "figures" / "audio.svg"
    audio.draw_audio(results / "1_clips", svg)
    out = results / "report.html"
    write_report(results, config_of(results), {}, template=TEMPLATE, out=out)
    return out


def chromium(folder, *options):
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    flags += [f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr"]
    # No name resolves: a page that needs the network fails here everywhere.
    flags += [
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--disable-background-networking",
    ]
    return subprocess.run(
        [CHROMIUM, *flags, *options],
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )


@pytest.fixture(scope="module", params=[1280, 500])
def dump(request, report, tmp_path_factory):
    probed = report.with_name(f"probed_{request.param}.html")
    html = report.read_text(encoding="utf-8")
    probed.write_text(html.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    size = f"--window-size={request.param},900"
    folder = tmp_path_factory.mktemp("chromium")
    return chromium(folder, size, "--dump-dom", probed.as_uri())


def test_headings_and_tables_arrive_in_the_document(dump):
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", dump.stdout)
    assert headings[:3] == ["Findings", "Main table", "Figures"]
    assert "Audit" in headings
    assert headings[-2:] == ["Provenance", "Licences and citations"]
    assert dump.stdout.count("<table>") >= 14


def test_every_figure_has_a_size(dump):
    images = re.search(r'"images":"([^"]*)"', dump.stdout)
    sizes = [tuple(map(int, s.split(":"))) for s in images.group(1).split(",")]
    # That of the audit, and all others but the one that takes a model of cues.
    assert len(sizes) == len(main.FIGURES)
    assert all(natural > 100 and shown > 100 for natural, shown in sizes)


def test_nothing_is_fetched_and_the_console_is_silent(dump):
    assert '"fetched":0' in dump.stdout
    assert "CONSOLE" not in dump.stderr


def test_the_page_itself_never_scrolls_sideways(dump):
    assert '"overflow":0' in dump.stdout


def test_the_picture_is_not_blank(report, tmp_path):
    picture = tmp_path / "page.png"
    size = "--window-size=1280,3000"
    chromium(tmp_path, size, f"--screenshot={picture}", report.as_uri())
    pixels = imread(picture)[..., :3]
    inked = np.any(pixels < 0.9, axis=(1, 2))
    # Text and figures all the way down, not just at the top.
    assert all(part.any() for part in np.array_split(inked, 10))
