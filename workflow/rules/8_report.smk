"""Stage 8, report: figures, and one page that tells what the experiment found.

Reads   {results}/tables, {results}/1_clips, {results}/3_features, {results}/4_splits,
        and what the sections of a study need
Writes  {results}/figures/{per_class,gaps,changes,audio,learning_curves,trade_offs}.{svg,png},
        {results}/figures/{discrepancy,discrepancy_curve,attribution,label_curves}.{svg,png},
        {results}/figures/{decomposition,sensitivity,movement}.{svg,png},
        {results}/report.html
"""


rule draw_figures:
    """Draw the figures from the final tables; nothing is computed anew."""
    input:
        scores=rules.summarise_scores.output.scores,
        summary=rules.summarise_scores.output.summary,
        gaps=rules.summarise_scores.output.gaps,
        learning_curves=rules.summarise_scores.output.learning_curves,
        null_gaps=rules.summarise_scores.output.null_gaps,
        class_values=rules.summarise_scores.output.class_values,
        differences=rules.summarise_scores.output.differences,
        rescaled=rules.summarise_scores.output.rescaled,
        scorecard=rules.summarise_scores.output.scorecard,
        discrepancy=rules.summarise_scores.output.discrepancy,
        curve=rules.summarise_scores.output.curve,
        null=rules.summarise_scores.output.null,
    output:
        per_class=report(
            EXPERIMENT.file(layout.FIGURE, figure="per_class"),
            caption="../report/per_class.rst",
            category="Figures",
            labels={"figure": "each class, within and across"},
        ),
        gaps=report(
            EXPERIMENT.file(layout.FIGURE, figure="gaps"),
            caption="../report/gaps.rst",
            category="Figures",
            labels={"figure": "gap between within and across"},
        ),
        changes=report(
            EXPERIMENT.file(layout.FIGURE, figure="changes"),
            caption="../report/changes.rst",
            category="Figures",
            labels={"figure": "what each correction changes"},
        ),
        discrepancy=report(
            EXPERIMENT.file(layout.FIGURE, figure="discrepancy"),
            caption="../report/discrepancy.rst",
            category="Figures",
            labels={"figure": "how different the datasets are"},
        ),
        discrepancy_curve=report(
            EXPERIMENT.file(layout.FIGURE, figure="discrepancy_curve"),
            caption="../report/discrepancy_curve.rst",
            category="Figures",
            labels={"figure": "differences by the number of clips"},
        ),
        learning_curves=report(
            EXPERIMENT.file(layout.FIGURE, figure="learning_curves"),
            caption="../report/learning_curves.rst",
            category="Figures",
            labels={"figure": "scores by the number of training recordings"},
        ),
        trade_offs=report(
            EXPERIMENT.file(layout.FIGURE, figure="trade_offs"),
            caption="../report/trade_offs.rst",
            category="Figures",
            labels={"figure": "what corrections gain across and lose within"},
        ),
        attribution=report(
            EXPERIMENT.file(layout.FIGURE, figure="attribution"),
            caption="../report/attribution.rst",
            category="Figures",
            labels={"figure": "what tells the datasets apart"},
        ),
        png=expand(
            f"{RESULTS}/{layout.FIGURE_PNG}",
            figure=[
                *("per_class", "gaps", "changes", "learning_curves"),
                *("discrepancy", "discrepancy_curve", "trade_offs", "attribution"),
            ],
        ),
    log:
        f"{LOGS}/draw_figures.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT},
    script:
        "../scripts/8_report/draw_figures.py"


rule draw_audio:
    """Draw the spectra and distributions of the audit."""
    input:
        tables=rules.audit_datasets.output.tables,
    output:
        svg=report(
            EXPERIMENT.file(layout.FIGURE, figure="audio"),
            caption="../report/audio.rst",
            category="Audit",
            labels={"figure": "spectra, bandwidths, levels, durations"},
        ),
        png=EXPERIMENT.file(layout.FIGURE_PNG, figure="audio"),
    log:
        f"{LOGS}/draw_audio.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT},
    script:
        "../scripts/8_report/draw_audio.py"


rule draw_few_labels:
    """Draw the curves over the number of labels."""
    input:
        curves=rules.summarise_few_labels.output.curves,
        summary=rules.summarise_scores.output.summary,
    output:
        svg=report(
            EXPERIMENT.file(layout.FIGURE, figure="label_curves"),
            caption="../report/label_curves.rst",
            category="Figures",
            labels={"figure": "scores by the number of labels"},
        ),
        png=EXPERIMENT.file(layout.FIGURE_PNG, figure="label_curves"),
    log:
        f"{LOGS}/draw_few_labels.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT},
    script:
        "../scripts/8_report/draw_few_labels.py"


rule draw_sensitivity:
    """Draw how scores and embeddings change with the strength of conditions."""
    input:
        scores=rules.summarise_sensitivity.output.scores,
        measures=rules.summarise_sensitivity.output.measures,
    output:
        svg=report(
            EXPERIMENT.file(layout.FIGURE, figure="sensitivity"),
            caption="../report/sensitivity.rst",
            category="Figures",
            labels={"figure": "scores of changed clips"},
        ),
        png=EXPERIMENT.file(layout.FIGURE_PNG, figure="sensitivity"),
        moved=report(
            EXPERIMENT.file(layout.FIGURE, figure="movement"),
            caption="../report/movement.rst",
            category="Figures",
            labels={"figure": "how embeddings move"},
        ),
        moved_png=EXPERIMENT.file(layout.FIGURE_PNG, figure="movement"),
    log:
        f"{LOGS}/draw_sensitivity.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT},
        families=rules.summarise_sensitivity.params.families,
    script:
        "../scripts/8_report/draw_sensitivity.py"


rule draw_decomposition:
    """Draw the parts of each gap."""
    input:
        gaps=rules.gather_decompositions.output.gaps,
    output:
        svg=report(
            EXPERIMENT.file(layout.FIGURE, figure="decomposition"),
            caption="../report/decomposition.rst",
            category="Figures",
            labels={"figure": "what gaps are made of"},
        ),
        png=EXPERIMENT.file(layout.FIGURE_PNG, figure="decomposition"),
    log:
        f"{LOGS}/draw_decomposition.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT},
    script:
        "../scripts/8_report/draw_decomposition.py"


rule write_report:
    """Write the page: one file that needs no other file and no network."""
    input:
        sections=page_files,
        # Not read, but part of what a reader is given.
        pictures=[*rules.draw_figures.output.png, rules.draw_audio.output.png],
    output:
        page=report(
            f"{RESULTS}/{layout.REPORT}",
            caption="../report/page.rst",
            category="Report",
            labels={"page": "the whole report"},
        ),
    log:
        f"{LOGS}/write_report.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        stage_versions={"stage": versions.REPORT} | STUDY_VERSION,
        config={key: value for key, value in config.items() if key != "downloads"},
        versions=of(job_versions.all_versions),
        contents=job_versions.template_contents(EXPERIMENT),
    script:
        "../scripts/8_report/write_report.py"
