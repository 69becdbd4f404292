"""The report on results that a test has written: its findings, and the page."""

from earshift.stages.report import final_tables
from earshift.stages.report.figures import main as figures
from earshift.stages.report.page import write_report
from earshift.stages.report.sections.findings import findings
from earshift.stages.statistics.summary import Options
from tests.helpers.places import ROOT
from tests.helpers.report_tables import MEASURES, config_of

TEMPLATE = ROOT / "workflow" / "report" / "page.html.j2"


def said(folder):
    found = final_tables.read(folder / "tables", measures=MEASURES)
    told = findings(found, Options(0.95, 0.01))
    return "\n".join(s for section in told for s in section.sentences)


def page(results, config=None):
    (results / "figures").mkdir(exist_ok=True)
    for name in (*figures.FIGURES, "audio"):
        (results / "figures" / f"{name}.svg").write_text("<svg/>")
    versions = {"models": {"mfcc": 1}}
    out = results / "report.html"
    config = config or config_of(results)
    write_report(results, config, versions, template=TEMPLATE, out=out)
    return out.read_text(encoding="utf-8")


def section(html, name):
    start = html.index(f'<section aria-labelledby="{name}">')
    return html[start : html.index("</section>", start)]
