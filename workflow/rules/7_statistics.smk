"""Stage 7, statistics: final tables, with intervals and paired tests.

Reads   {results}/5_scores, {results}/6_discrepancy
Writes  {results}/tables/{scores,summary,gaps,learning_curves,null_gaps,class_values,
        differences,rescaled,gate,scorecard}.csv, {results}/tables/discrepancy{,_curve,_null}.csv
"""


rule summarise_scores:
    """Resample recordings: intervals, changes against 'none', gaps, verdicts."""
    input:
        scores=per_model(rules.cross_validate.output.scores),
        clip_scores=per_model(rules.cross_validate.output.clip_scores),
        domain_scores=per_model(rules.measure_discrepancy.output.domain_scores),
        sizes=per_model(rules.measure_discrepancy.output.sizes),
    output:
        scores=report(
            f"{RESULTS}/{layout.SCORE_TABLE}",
            caption="../report/scores_table.rst",
            category="Tables",
            labels={"table": "scores of each class"},
        ),
        summary=report(
            f"{RESULTS}/{layout.SUMMARY_TABLE}",
            caption="../report/summary_table.rst",
            category="Tables",
            labels={"table": "means, changes and verdicts"},
        ),
        gaps=report(
            f"{RESULTS}/{layout.GAP_TABLE}",
            caption="../report/gaps_table.rst",
            category="Tables",
            labels={"table": "gaps between within and across"},
        ),
        learning_curves=report(
            f"{RESULTS}/{layout.LEARNING_CURVE_TABLE}",
            caption="../report/learning_curves_table.rst",
            category="Tables",
            labels={"table": "learning curves"},
        ),
        null_gaps=report(
            f"{RESULTS}/{layout.NULL_GAP_TABLE}",
            caption="../report/null_gaps_table.rst",
            category="Tables",
            labels={"table": "gaps between halves of a dataset"},
        ),
        class_values=report(
            f"{RESULTS}/{layout.CLASS_TABLE}",
            caption="../report/class_values_table.rst",
            category="Tables",
            labels={"table": "classes, with intervals"},
        ),
        differences=report(
            f"{RESULTS}/{layout.DIFFERENCE_TABLE}",
            caption="../report/differences_table.rst",
            category="Tables",
            labels={"table": "differences of methods and models"},
        ),
        rescaled=report(
            f"{RESULTS}/{layout.RESCALED_TABLE}",
            caption="../report/rescaled_table.rst",
            category="Tables",
            labels={"table": "scores between the controls"},
        ),
        gate=report(
            f"{RESULTS}/{layout.GATE_TABLE}",
            caption="../report/gate_table.rst",
            category="Tables",
            labels={"table": "corrections chosen without labels"},
        ),
        discrepancy=report(
            f"{RESULTS}/{layout.DISCREPANCY_TABLE}",
            caption="../report/discrepancy_table.rst",
            category="Tables",
            labels={"table": "differences between datasets"},
        ),
        curve=report(
            f"{RESULTS}/{layout.DISCREPANCY_CURVE}",
            caption="../report/discrepancy_curve_table.rst",
            category="Tables",
            labels={"table": "differences by number of clips"},
        ),
        null=report(
            f"{RESULTS}/{layout.DISCREPANCY_NULL}",
            caption="../report/discrepancy_null_table.rst",
            category="Tables",
            labels={"table": "differences between halves of a dataset"},
        ),
        scorecard=report(
            f"{RESULTS}/{layout.SCORECARD_TABLE}",
            caption="../report/scorecard_table.rst",
            category="Tables",
            labels={"table": "scorecard of the corrections"},
        ),
    log:
        f"{LOGS}/summarise_scores.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime="1h",
    params:
        versions={"stage": versions.STATISTICS} | STUDY_VERSION,
        methods=config["methods"],
        balance=config["splits"]["balance"],
        statistics=job_params.statistics(EXPERIMENT),
        seed=config["seed"],
    script:
        "../scripts/7_statistics/summarise_scores.py"
