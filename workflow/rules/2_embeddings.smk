"""Stage 2, embeddings: run each pre-trained model over each dataset.

Reads   {results}/1_clips/{dataset}.parquet, the audio
Writes  {results}/2_embeddings/{dataset}/{model}/{condition}.zarr, and beside it the
        plan of its regions, and one done-marker for each of them
"""


rule create_store:
    """Lay out the store of a dataset and model; its extraction jobs fill it."""
    input:
        table=f"{RESULTS}/1_clips/{{dataset}}.parquet",
        weights=verified_weights,
    output:
        plan=f"{RESULTS}/2_embeddings/{{dataset}}/{{model}}/{{condition}}.plan.json",
    log:
        f"logs/{RESULTS}/create_store/{{dataset}}/{{model}}/{{condition}}.log",
    conda:
        model_env
    threads: 1
    resources:
        mem_mb=4_000,
        runtime="1h",
    params:
        versions=model_versions,
        entry=model_entry,
        n_jobs=config["n_shards"],
    script:
        "../scripts/create_store.py"


rule extract_embeddings:
    """Embed the clips of one region: whole Zarr shards, which no other job touches."""
    input:
        table=f"{RESULTS}/1_clips/{{dataset}}.parquet",
        plan=rules.create_store.output.plan,
        weights=verified_weights,
    output:
        done=f"{RESULTS}/2_embeddings/{{dataset}}/{{model}}/{{condition}}.done/{{shard}}.json",
    log:
        f"logs/{RESULTS}/extract_embeddings/{{dataset}}/{{model}}/{{condition}}/{{shard}}.log",
    benchmark:
        f"logs/{RESULTS}/extract_embeddings/{{dataset}}/{{model}}/{{condition}}/{{shard}}.tsv"
    conda:
        model_env
    threads: 2
    resources:
        mem_mb=4_000,
        runtime="4h",
    params:
        versions=model_versions,
        entry=model_entry,
        max_bad_clips=config["max_bad_clips"],
    script:
        "../scripts/extract_embeddings.py"
