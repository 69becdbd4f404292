"""Stage 2, embeddings: run each pre-trained model over each dataset, or import them.

Reads   {results}/1_clips/{dataset}.parquet, the audio or the file to import
Writes  {results}/2_embeddings/calibration/{model}/clean.{key}.json
        {results}/2_embeddings/{dataset}/{model}/{condition}.zarr (or the same under
        'store: address'), and beside it the plan of its regions, a list and a
        done-marker for each of them, and the index of its clips
        {results}/tables/padding.csv

A store has all strengths of a condition: {condition} is the name of their family here.
"""


rule calibrate_model:
    """Measure the speed and the memory of a model where it will run."""
    input:
        # New weights in the same network are as fast.
        weights=ancient(of(job_inputs.verified_weights)),
    output:
        calibration=f"{RESULTS}/{layout.CALIBRATION}",
    log:
        f"{LOGS}/calibrate_model/{{model}}/clean.{{key}}.log",
    conda:
        of(job_inputs.environment_file)
    threads: 2
    resources:
        **job_resources.gpu_resources(EXPERIMENT, Site.read()),
        mem_mb=more_on_retry(4_000),
        runtime="1h",
    params:
        versions=of(job_versions.model_versions),
        entry=of(job_params.model_entry),
    script:
        "../scripts/2_embeddings/calibrate_model.py"


checkpoint plan_regions:
    """Say which clips are embedded already, and deal the others to jobs."""
    input:
        table=f"{RESULTS}/{layout.CLIPS}",
        weights=of(job_inputs.verified_weights),
        # A new calibration alone plans nothing anew.
        calibration=ancient(of(job_inputs.calibration_file)),
    output:
        plan=f"{RESULTS}/{layout.STORE_PLAN}",
        clips=f"{RESULTS}/{layout.STORE_CLIPS}",
    log:
        f"{LOGS}/plan_regions/{{dataset}}/{{model}}/{{condition}}.log",
    wildcard_constraints:
        model=one_of(EXPERIMENT.computed),
        condition=one_of(EXPERIMENT.families),
    conda:
        of(job_inputs.environment_file)
    threads: 1
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="1h",
    params:
        versions=of(job_versions.embedding_versions),
        entry=of(job_params.model_entry),
        store=of(job_params.store_options),
        contents=of(job_inputs.packaged_weights),
    script:
        "../scripts/2_embeddings/plan_regions.py"


rule extract_embeddings:
    """Embed the clips of one region: whole Zarr shards, which no other job touches."""
    input:
        # The list alone: another region's clips must not embed these again.
        region=f"{RESULTS}/{layout.REGION}",
        weights=of(job_inputs.verified_weights),
    output:
        done=f"{RESULTS}/{layout.REGION_DONE}",
    log:
        f"{LOGS}/extract_embeddings/{{dataset}}/{{model}}/{{condition}}/{{region}}.log",
    benchmark:
        f"{LOGS}/extract_embeddings/{{dataset}}/{{model}}/{{condition}}/{{region}}.tsv"
    wildcard_constraints:
        model=one_of(EXPERIMENT.computed),
        condition=one_of(EXPERIMENT.families),
    conda:
        of(job_inputs.environment_file)
    threads: 2
    resources:
        **job_resources.gpu_resources(EXPERIMENT, Site.read()),
        mem_mb=at_attempt(job_resources.extraction_memory),
        runtime=at_attempt(job_resources.extraction_runtime),
    params:
        versions=of(job_versions.embedding_versions),
        entry=of(job_params.model_entry),
        plan=rules.plan_regions.output.plan,
        max_bad_clips=config["max_bad_clips"],
        contents=of(job_inputs.packaged_weights),
    script:
        "../scripts/2_embeddings/extract_embeddings.py"


rule index_embeddings:
    """Say which rows of the store are which clip's, and what became of each."""
    input:
        plan=rules.plan_regions.output.plan,
        clips=rules.plan_regions.output.clips,
        done=region_markers,
    output:
        index=f"{RESULTS}/{layout.INDEX}",
    log:
        f"{LOGS}/index_embeddings/{{dataset}}/{{model}}/{{condition}}.log",
    wildcard_constraints:
        model=one_of(EXPERIMENT.computed),
        condition=one_of(EXPERIMENT.families),
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="1h",
    params:
        versions={"stage": versions.EMBEDDINGS},
    script:
        "../scripts/2_embeddings/index_embeddings.py"


rule count_padding:
    """Count the clips that are shorter than a window, and were filled up."""
    input:
        tables=per_dataset(rules.gather_clips.output.table),
    output:
        table=report(
            f"{RESULTS}/{layout.PADDING}",
            caption="../report/padding_table.rst",
            category="Tables",
            labels={"table": "clips shorter than a window"},
        ),
    log:
        f"{LOGS}/count_padding.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="1h",
    params:
        datasets=list(config["datasets"]),
        models={name: config["models"][name] for name in EXPERIMENT.computed},
        versions=job_versions.computed_versions(EXPERIMENT),
        conditions=list(EXPERIMENT.studied),
    script:
        "../scripts/2_embeddings/count_padding.py"


rule import_embeddings:
    """Make the same of embeddings that were computed elsewhere, from a file."""
    input:
        table=f"{RESULTS}/{layout.CLIPS}",
        file=of(job_inputs.imported_file),
    output:
        plan=rules.plan_regions.output.plan,
        index=rules.index_embeddings.output.index,
    log:
        f"{LOGS}/import_embeddings/{{dataset}}/{{model}}/{{condition}}.log",
    wildcard_constraints:
        model=one_of(EXPERIMENT.imported),
        condition=one_of(EXPERIMENT.families),
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="4h",
    params:
        versions=of(job_versions.model_versions),
        source=of(job_params.import_options),
        store=of(job_params.store_options),
        max_bad_clips=config["max_bad_clips"],
    script:
        "../scripts/2_embeddings/import_embeddings.py"
