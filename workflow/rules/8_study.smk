"""Stage 8, report: tables and figures of the ISMIR 2023 study.

Only for experiments that compare with its published code (protocol paper).

Reads   {results}/tables, {results}/1_clips, {results}/4_splits, {results}/5_scores
Writes  {results}/tables/study/, {results}/figures/study/
"""

from earshift import ismir2023, study_data

STUDY = ismir2023.is_study(PROTOCOLS)
STUDY_TABLES = f"{RESULTS}/tables/study"
STUDY_FIGURES = [
    *study_data.COMMON_FIGURES,
    *(f"{f}_{p}" for p in PROTOCOLS for f in study_data.PROTOCOL_FIGURES),
]


rule tabulate_study:
    """Put protocols and published results side by side; say what the figures show."""
    input:
        scores=rules.summarise_scores.output.scores,
        deviations=rules.collect_deviations.output if config["deviations"] else [],
        clips=per_dataset(rules.gather_clips.output.table),
        labels=expand(
            rules.select_clips.output.labels, protocol=PROTOCOLS, allow_missing=True
        ),
        splits=expand(
            rules.select_clips.output.splits, protocol=PROTOCOLS, allow_missing=True
        ),
        draws=sorted({e["draws"] for e in class_entries() if e["draws"]}),
        directions=per_model(rules.cross_validate.output.directions),
    output:
        tables=[
            f"{STUDY_TABLES}/{name}.csv"
            for name in ("classes", "tests", "genres", "samples", "cosines", "ranks")
        ],
        main=report(
            f"{STUDY_TABLES}/main.csv",
            caption="../report/study_table.rst",
            category="Tables",
            labels={"table": "protocols and published results side by side"},
        ),
        latex=f"{STUDY_TABLES}/main.tex",
        deviations=(
            [f"{STUDY_TABLES}/deviations.{ending}" for ending in ("csv", "tex")]
            if config["deviations"]
            else []
        ),
    log:
        f"{LOGS}/tabulate_study.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT},
        protocols=PROTOCOLS,
        datasets=list(config["datasets"]),
        methods=config["methods"],
    script:
        "../scripts/tabulate_study.py"


rule draw_study:
    """Draw the study's figures; nothing is computed anew."""
    input:
        tables=rules.tabulate_study.output.tables,
    output:
        svg=[
            report(
                f"{RESULTS}/figures/study/{figure}.svg",
                caption="../report/study_figure.rst",
                category="Study",
                labels={"figure": figure.replace("_", " ")},
            )
            for figure in STUDY_FIGURES
        ],
        others=expand(
            f"{RESULTS}/figures/study/{{figure}}.{{ending}}",
            figure=STUDY_FIGURES,
            ending=["png", "pdf"],
        ),
    log:
        f"{LOGS}/draw_study.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT},
        protocols=PROTOCOLS,
    script:
        "../scripts/draw_study.py"
