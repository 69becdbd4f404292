#!/bin/bash
# The run itself as a job: 'make submit EXPERIMENT=my.yaml' submits this file.
#
# Shortly before its time limit it ends the run and submits itself again; the run's jobs
# live on. The next driver starts when this one has ended, and waits for those jobs.
#SBATCH --cpus-per-task=1
#SBATCH --mem=4000
#SBATCH --signal=B:USR1@300
#SBATCH --no-requeue
#SBATCH --dependency=singleton

submit_again() {
    until "$@" --submit; do
        echo "The next driver could not be submitted; trying again in 20 s." >&2
        sleep 20
        if ! kill -0 "$run" 2>/dev/null; then
            # The run has ended by itself: no other driver is needed.
            wait "$run"
            exit "$?"
        fi
    done
    # On a signal that it can handle, Snakemake would cancel its jobs or wait for them.
    kill -KILL -- "-$run"
    exit 0
}

setsid "$@" &
run=$!
trap 'submit_again "$@"' USR1
wait "$run"
