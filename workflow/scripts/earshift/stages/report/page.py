"""Write the report: one HTML file that needs no other file, script or network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from earshift import files, provenance
from earshift.audio import fingerprint
from earshift.evaluation import protocol
from earshift.stages.report import final_tables, words
from earshift.stages.report.captions import AUDIO, CAPTIONS
from earshift.stages.report.final_tables import Tables
from earshift.stages.report.sections import audit, forecast, left_out, padding, sources
from earshift.stages.report.sections.findings import findings


def write_report(
    results: Path,
    config: Mapping[str, Any],
    versions: Mapping[str, Mapping[str, int | str]],
    *,
    template: Path,
    out: Path,
) -> None:
    """Write the report of an experiment as one self-contained page.

    Parameters
    ----------
    results : Path
        Folder of the results: clip tables, splits, features, final tables, figures.
    config : mapping
        The complete configuration.
    versions : mapping
        Kind of plugin -> name -> version.
    template : Path
        Jinja template of the page.
    out : Path
        HTML file to write.
    """
    page = render(page_values(results, config, versions), template)
    with files.whole_file(out) as file:
        file.write_text(page, encoding="utf-8")


def render(values: Mapping[str, Any], template: Path) -> str:
    """Fill a template; every value is escaped.

    Parameters
    ----------
    values : mapping
        As `page_values` returns them.
    template : Path
        Jinja template; those it includes are beside it, but for that of a study.

    Returns
    -------
    str
        The page.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, "/"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "number": words.number,
        "signed": words.signed,
        "interval": words.interval,
        "signed_interval": words.signed_interval,
        "p_value": words.p_value,
    }
    return environment.get_template(template.name).render(values)


def page_values(
    results: Path,
    config: Mapping[str, Any],
    versions: Mapping[str, Mapping[str, int | str]],
) -> dict[str, Any]:
    """Return everything the page shows.

    Parameters
    ----------
    results, config, versions
        As in `write_report`.

    Returns
    -------
    dict
        Values of the template's names.
    """
    found = final_tables.read(results / "tables", measures=config["discrepancy"])
    level = f"{100 * config['statistics']['confidence']:g}\N{NO-BREAK SPACE}%"
    names = list(config["datasets"])
    study = protocol.study_of(config["study"])
    used = study.named(config["protocols"])
    excepted = [one.name for one in used if not one.leaves_out]
    described = sources.describe_datasets(results, config)
    return {
        "title": f"Dataset bias between {words.listed(names)}",
        "names": names,
        "findings": findings(found)
        + audit.findings(results, excepted)
        + padding.say(results),
        "left_out": left_out.describe(results, names, list(config["models"])),
        "left_out_shown": left_out.SHOWN,
        "level": level,
        "n_resamples": config["statistics"]["n_resamples"],
        "rope": config["statistics"]["rope"],
        "protocol": _protocols(found),
        "shown": found.note,
        **_study(results, config, study, found.protocol, level),
        "n_classes": int(found.summary["n_classes"].max()),
        "access": final_tables.ACCESS,
        "main": _by_setting(found.summary),
        "gaps": _by_setting(found.gaps),
        "discrepancy": _by_setting(found.discrepancy),
        "with_null": bool(found.discrepancy["tested"].any()),
        "figures": [_figure(results, n, *CAPTIONS[n], level) for n in CAPTIONS],
        "audio": _figure(results, "audio", *AUDIO, level),
        "audit": audit.describe_audit(results, names),
        "similar": fingerprint.SIMILAR,
        "classes": sources.describe_classes(results, names),
        "draws": sources.describe_draws(results, config),
        "balance": config["splits"]["balance"],
        "alignment": sources.describe_alignment(config),
        "datasets": described,
        "models": sources.describe_models(results, config),
        "conditions": sources.describe_conditions(config),
        "methods": sources.describe_methods(
            config,
            share_subgroup=bool(
                set.intersection(*(d["subgroup_names"] for d in described))
            ),
        ),
        "classifier": sources.describe_classifier(config),
        "plan": forecast.compare(results),
        "provenance": provenance.provenance(),
        "versions": versions,
        "config": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
    }


def _protocols(found: Tables) -> str:
    names = list(found.protocols)
    return f"protocol{'s' * (len(names) > 1)} {words.listed(names)}"


def _study(
    results: Path,
    config: Mapping[str, Any],
    study: protocol.Study,
    shown: str,
    level: str,
) -> dict[str, Any]:
    """Return what the page shows of the study, if it has a section."""
    section = study.section(results, config, shown)
    if section is None or study.template is None:
        return {"study": None}
    return {
        "study": section.values,
        "study_figures": [_figure(results, *one, level) for one in section.figures],
        "study_template": str(study.template.resolve()),
    }


def _by_setting(table: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each model, grouped so that a method's rows are together."""
    out: dict[str, list[dict[str, Any]]] = {}
    order = {name: i for i, name in enumerate(final_tables.ordered(table["variant"]))}
    table = table.assign(order=table["variant"].map(order))
    for setting, part in table.groupby("setting", sort=False):
        rows = part.sort_values("order", kind="stable").to_dict("records")
        out[str(setting)] = [{str(k): v for k, v in row.items()} for row in rows]
    return out


def _figure(
    results: Path, name: str, title: str, alt: str, caption: str, level: str
) -> dict[str, str]:
    image = base64.b64encode((results / "figures" / f"{name}.svg").read_bytes())
    return {
        "name": name.replace("/", "-"),
        "title": title,
        "alt": alt,
        "caption": caption.format(level=level),
        "data": f"data:image/svg+xml;base64,{image.decode()}",
    }
