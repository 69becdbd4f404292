# Two commands: `make demo` runs the main job, `make test` passes the tests. Each sets
# everything up first, in .venv, on a machine that has only Python 3.11+ and make.

PYTHON ?= python3
CORES ?= all
EXPERIMENT ?= config.yaml
PROFILE ?=
ARGS ?=
PY := .venv/bin/python
# Processes of the tests: two more than cores, as those of clusters and runs often wait.
PROCESSES ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 4 ? n + 2 : 4)))
# Run on this machine, or on a cluster: make run PROFILE=slurm (docs/clusters.md).
WHERE = $(if $(PROFILE),--profile "$(PROFILE)",--cores $(CORES))
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Byte code makes every start of Python faster by seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo run study analyse plan preflight submit status efficiency data weights audit repair setup environment test check lock clean

demo: run  ## the default experiment, offline, on miniature corpora

run: setup  ## any experiment: make run EXPERIMENT=my.yaml [ARGS=-n]
	@$(PY) workflow/scripts/run.py --configfile "$(EXPERIMENT)" $(WHERE) $(ARGS)

study: setup  ## the ISMIR 2023 study on embeddings: make study INPUTS=DIR OUT=DIR2 [MODELS="vggish openl3"]
	@$(PY) workflow/scripts/run.py --study "$(INPUTS)" --out "$(OUT)" --models "$(MODELS)" $(WHERE) $(ARGS)

analyse: setup  ## a table of clips, labels and vectors: make analyse TABLE=a.parquet OUT=DIR
	@$(PY) workflow/scripts/run.py --analyse "$(TABLE)" --out "$(OUT)" $(WHERE) $(ARGS)

plan: setup  ## how much an experiment needs: make plan EXPERIMENT=my.yaml [ARGS="--pilot RESULTS"]
	@$(PY) workflow/scripts/run.py --plan --configfile "$(EXPERIMENT)" $(WHERE) $(ARGS)

preflight: setup  ## check that an experiment can run on this cluster
	@$(PY) workflow/scripts/run.py --preflight --configfile "$(EXPERIMENT)" --profile slurm $(ARGS)

submit: setup  ## start a run as a job of the cluster: make submit EXPERIMENT=my.yaml
	@$(PY) workflow/scripts/run.py --submit --configfile "$(EXPERIMENT)" --profile slurm $(ARGS)

status: setup  ## progress of an experiment, also while it runs: make status EXPERIMENT=my.yaml
	@$(PY) workflow/scripts/run.py --status --configfile "$(EXPERIMENT)"

efficiency: setup  ## what its jobs requested and what they used: make efficiency EXPERIMENT=my.yaml
	@$(PY) workflow/scripts/run.py --efficiency --configfile "$(EXPERIMENT)"

data: setup  ## download and unpack an experiment's datasets: make data EXPERIMENT=my.yaml
	@$(PY) workflow/scripts/run.py --data --configfile "$(EXPERIMENT)" $(WHERE) $(ARGS)

weights: setup  ## download the weights of an experiment's models: make weights EXPERIMENT=my.yaml
	@$(PY) workflow/scripts/run.py --weights --configfile "$(EXPERIMENT)" $(WHERE) $(ARGS)

audit: setup  ## look for damage in an experiment's stores: make audit EXPERIMENT=my.yaml
	@$(PY) workflow/scripts/run.py --audit --configfile "$(EXPERIMENT)" $(WHERE) $(ARGS)

repair: setup  ## the same, and mark damaged regions: the next run embeds them again
	@$(PY) workflow/scripts/run.py --repair --configfile "$(EXPERIMENT)" $(WHERE) $(ARGS)

setup:  ## .venv with the versions of envs/requirements.lock
	@test -x $(PY) && $(PY) envs/installed.py || $(MAKE) --no-print-directory environment

environment:
	@test ! -L .venv || { echo "Error: .venv is a link, and not cleared: bring what it" \
	    "points to up to date where it was made, or remove the link." >&2; exit 1; }
	@echo "Setting up .venv (about 2.5 GB, a few minutes; once)"
	$(PYTHON) -m venv --clear .venv
	$(PY) -m pip install --disable-pip-version-check --no-deps --require-hashes \
	    -r envs/requirements.lock
	$(PY) -m pip install --disable-pip-version-check --no-deps --no-build-isolation \
	    --editable .

test: setup  ## the tests; those that need a browser or SLURM say so where there is none
	$(PY) -m pytest --numprocesses $(PROCESSES) --dist loadfile \
	    --no-loadscope-reorder --durations 10

check: setup  ## format, lint and types
	ruff format --check .
	ruff check .
	codespell README.md CHANGELOG.md CONTRIBUTING.md docs workflow tests Snakefile
	mypy
	lint-imports --no-cache
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

lock:  ## update envs/requirements.lock from pyproject.toml (needs uv)
	envs/lock.sh

clean:  ## remove all results, logs and miniature corpora; .venv stays
	rm -rf results logs resources/miniature .snakemake
