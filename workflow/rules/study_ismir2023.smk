"""The ISMIR 2023 study: what each fault of its code does, its tables and figures.

Included where the config says 'study: ismir2023'.

Reads   {results}/tables, {results}/1_clips, {results}/4_splits, {results}/5_scores
Writes  {results}/5_scores/paper/{model}/{condition}.deviations.csv and
        {results}/tables/deviations.csv, if asked for, {results}/tables/study/,
        {results}/figures/study/
"""

from earshift.studies.ismir2023 import figure_data
from earshift.studies.ismir2023 import layout as study_layout

STUDY_FIGURES = figure_data.figure_names(PROTOCOLS)


def corrected(function):
    """The same of the datasets with corrected genres: those of 'fixed', if it is run."""
    key = ("model", "condition")
    return lambda wildcards: (
        function(EXPERIMENT, *(wildcards[name] for name in key), protocol="fixed")
        if "fixed" in PROTOCOLS
        else []
    )


def deviation_versions(experiment):
    """Versions of stage 5, of the deviations, of the study and of the methods."""
    own = {"stage": versions.SCORES, "deviations": versions.DEVIATIONS} | STUDY_VERSION
    return own | job_versions.method_versions(experiment)


rule measure_deviations:
    """Correct each fault of the published code alone, and score that for one model."""
    input:
        of(job_entries.domain_files),
        corrected(job_entries.domain_files),
        classes=rules.choose_classes.output.classes,
        draws=rules.draw_balanced.output.draws,
        # Not read: what it computes is needed first, and by more.
        scores=rules.cross_validate.output.scores,
    output:
        deviations=f"{RESULTS}/{study_layout.CELL_DEVIATIONS}",
    log:
        f"{LOGS}/measure_deviations/{{protocol}}/{{model}}/{{condition}}.log",
    benchmark:
        f"{LOGS}/measure_deviations/{{protocol}}/{{model}}/{{condition}}.tsv"
    wildcard_constraints:
        protocol="paper",
    conda:
        "../../envs/analysis.yaml"
    threads: config["workers"]["per_node"]
    resources:
        **job_resources.worker_resources(EXPERIMENT),
        runtime="12h",
    params:
        entries=of(job_entries.domain_entries),
        corrected=corrected(job_entries.domain_entries),
        versions=of(deviation_versions),
        parts=f"{RESULTS}/{study_layout.CELL_DEVIATION_PARTS}",
        methods=config["methods"],
        scopes=config["scopes"],
        subgroups=config["subgroups"],
        seed=config["seed"],
    script:
        "../scripts/study_ismir2023/measure_deviations.py"


rule collect_deviations:
    """Say what correcting one published fault changes, and correcting all of them."""
    input:
        deviations=per_model(rules.measure_deviations.output.deviations, ["paper"]),
        scores=rules.summarise_scores.input.scores,
    output:
        deviations=report(
            f"{RESULTS}/{study_layout.DEVIATIONS}",
            caption="../report/deviations_table.rst",
            category="Tables",
            labels={"table": "what each fault of the published code changes"},
        ),
    log:
        f"{LOGS}/collect_deviations.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions={"stage": versions.STATISTICS} | STUDY_VERSION,
    script:
        "../scripts/study_ismir2023/collect_deviations.py"


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
        draws=job_entries.all_draws(EXPERIMENT),
        directions=per_model(rules.cross_validate.output.directions),
    output:
        tables=[
            EXPERIMENT.file(study_layout.TABLE, table=name)
            for name in figure_data.TABLES
        ],
        main=report(
            EXPERIMENT.file(study_layout.TABLE, table="main"),
            caption="../report/study_table.rst",
            category="Tables",
            labels={"table": "protocols and published results side by side"},
        ),
        latex=EXPERIMENT.file(study_layout.LATEX, table="main"),
        deviations=(
            [
                EXPERIMENT.file(pattern, table="deviations")
                for pattern in (study_layout.TABLE, study_layout.LATEX)
            ]
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
        stage_versions={"stage": versions.REPORT} | STUDY_VERSION,
        protocols=PROTOCOLS,
        datasets=list(config["datasets"]),
        methods=config["methods"],
    script:
        "../scripts/study_ismir2023/tabulate_study.py"


rule draw_study:
    """Draw the study's figures; nothing is computed anew."""
    input:
        tables=rules.tabulate_study.output.tables,
    output:
        svg=[
            report(
                EXPERIMENT.file(study_layout.FIGURE, figure=figure),
                caption="../report/study_figure.rst",
                category="Study",
                labels={"figure": figure.replace("_", " ")},
            )
            for figure in STUDY_FIGURES
        ],
        others=[
            EXPERIMENT.file(pattern, figure=figure)
            for figure in STUDY_FIGURES
            for pattern in (study_layout.FIGURE_PNG, study_layout.FIGURE_PDF)
        ],
    log:
        f"{LOGS}/draw_study.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT} | STUDY_VERSION,
        protocols=PROTOCOLS,
    script:
        "../scripts/study_ismir2023/draw_study.py"
