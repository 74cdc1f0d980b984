# The commands of this repository; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
unexport PYENV_VERSION VIRTUAL_ENV PYTHONPATH PYTHONHOME
export SAM_CLI_TELEMETRY := 0
PYTHON ?= $(shell for p in python3.13 python3 "$$(pyenv prefix 3.13 2>/dev/null)/bin/python3.13"; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo "$$p" && break; done)
RUN := .venv/bin/
LOCKS := layers/dependencies/requirements requirements/dev requirements/docs requirements/emulator requirements/runtime requirements/sam requirements/tools requirements/audit
COMPILE = .local/tools/bin/uv pip compile --quiet --universal --python-version 3.13 --no-header --exclude-newer "7 days"
PHOTOS ?=
PAGE = $(or $(OUT),.local/$@.md)
PROOF = $(or $(OUT),.local/proof)

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'
demo: setup ## Drop photos on a local cloud and show what comes back (PHOTOS=folder for your own)
	@$(RUN)backdrop demo $(if $(PHOTOS),--photos "$(PHOTOS)")
test: check scan site ## Everything that CI runs
	@$(RUN)pytest -q -n 2 tests/simulated
	@$(RUN)python -m backdrop_local.build
	@$(RUN)pytest -q -n 2 --dist worksteal tests/proof
	@$(RUN)pytest -q -n 2 tests/contract tests/packaging tests/corpus tests/browser
	@$(RUN)pytest -q -n 4 --no-loadscope-reorder tests/e2e
check: setup ## Lint, types, texts, unit and golden tests
	@$(RUN)ruff check --quiet
	@$(RUN)ruff format --check --quiet
	@told="$$($(RUN)lint-imports --no-logo --no-cache)" || { echo "$$told" >&2; exit 1; }
	@$(MAKE) --no-print-directory -j2 types texts unit
types:
	@$(RUN)pyrefly check --summary=none
texts:
	@$(RUN)rumdl check --quiet --no-cache
unit:
	@$(RUN)pytest -q -n 2 tests/unit tests/golden
golden: setup ## Rewrite the golden files of the edges after an intended change; the reviewer sees the difference
	@$(RUN)pytest -q tests/golden --rewrite-golden
wild: setup ## Property tests with examples that no run had before
	@$(RUN)pytest -q -n 2 -m hypothesis --hypothesis-profile=wild tests/unit tests/simulated tests/contract
scan: setup .local/audit/.installed ## Templates and workflows, held against what cfn-lint, SAM, checkov and zizmor know
	@$(RUN)cfn-lint template.yaml kept.yaml examples/*/template.yaml
	@.local/sam/bin/sam validate --lint --region eu-central-1 >/dev/null
	@.local/audit/bin/checkov --config-file .checkov.yaml
	@.local/audit/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.local/audit/bin/zizmor --offline --pedantic --no-progress --quiet .github
audit: scan ## The same, and known vulnerabilities of all that the locks name; asks PyPI and npm
	@requirements/vulnerabilities $(LOCKS:%=%.txt)
simulate: setup ## Simulated seeds of the real code (SEEDS=500, FIRST=0, FAULTS=a,b, OUT=page; SEED=7 alone, with its history; FAULTS=none: many photos, N="100 10000")
	@$(RUN)python -m $(if $(filter none,$(FAULTS)),bench.beyond $(if $(N),--rows $(N)),simulation.scenarios $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500) --first $(or $(FIRST),0) --out $(PAGE)) $(if $(FAULTS),--faults $(FAULTS)))
mutants: setup ## The product without each of its guards, hunted by seeds until a promise breaks (SEEDS=300 at most, OUT=page)
	@$(RUN)python -m simulation.mutation --seeds $(or $(SEEDS),300) --out $(PAGE)
chaos: setup ## The fault bench beside a naive pipeline (N=photos, from 30; SEED=first, SEEDS=how many, OUT=page, ALONE=1 without the other, MIXED=1 all lanes)
	@$(RUN)python -m fault_bench $(if $(N),--photos $(N)) $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS) --at-once 3) $(if $(ALONE),--alone) $(if $(MIXED),--mixed) --out $(PAGE)
proof: setup ## The proof in full, for hours: 10,000 seeds, every mutant hunted from scratch, chaos; pages in .local/proof (OUT=docs/results)
	@$(MAKE) --no-print-directory simulate SEEDS=10000 OUT=$(PROOF)/simulate.md
	@$(MAKE) --no-print-directory mutants OUT=$(PROOF)/mutants.md
	@$(MAKE) --no-print-directory chaos SEEDS=20 ALONE=1 OUT=$(PROOF)/chaos.md
	@$(MAKE) --no-print-directory chaos SEEDS=3 OUT=$(PROOF)/chaos_beside.md
	@$(MAKE) --no-print-directory chaos MIXED=1 OUT=$(PROOF)/chaos_mixed.md
bench: setup ## Measured speed, cost and scale, 40 minutes on two cores (ONLY="drain beside" for some parts); writes bench/results
	@$(RUN)python -m bench $(if $(ONLY),--only "$(ONLY)")
build: setup ## Build what `sam deploy` takes to AWS, compiled, since Lambda keeps nothing that it compiles (PARAMS="Architecture=x86_64")
	@PATH="$(CURDIR)/.local/sam/bin:$$PATH" sam build $${PARAMS:+--parameter-overrides "$$PARAMS"}
	@$(RUN)python -m compileall -q --invalidation-mode unchecked-hash .aws-sam/build
wheel: setup ## Build the wheel of the `backdrop` command, with the constraints that a release attaches, in dist/
	@rm -rf dist
	@$(RUN)python -m hatchling build --target wheel --directory dist >/dev/null
	@cp requirements/constraints.txt dist/
up: setup ## Start a local cloud, or bring a running one up to date (PARAMS="Name=value …")
	@$(RUN)backdrop up
down: setup ## Stop it and forget everything in it
	@$(RUN)backdrop down
env: ## Print the export lines that point any AWS tool at it
	@[ -x $(RUN)backdrop ] || { echo "no local cloud runs; start one with make up" >&2; exit 1; }
	@$(RUN)backdrop env
invoke: setup ## Run a function's own code on an event, before the local cloud that runs (EVENT=events/s3_put.json)
	@$(RUN)python -m backdrop_local.invoke $(EVENT)
path: setup ## Print the export line that puts sam and Python 3.13 on the PATH
	@echo "export PATH=\"$(CURDIR)/.local/sam/bin:$(CURDIR)/.venv/bin:$$PATH\""
site: .venv/.project .local/docs/.installed .local/node/.installed ## Build the searchable site of the documentation in .local/site
	@$(RUN)python -m docs.make_site
docs: setup ## Write the pages of docs/ that say so, and schemas/, anew from the code
	@for page in schemas event_schemas reference commands settings architecture troubleshooting aws_cost costs bench; do $(RUN)python -m docs.make_$$page; done
format: setup ## Format the code and mend what the linter can
	@$(RUN)ruff check --quiet --fix-only
	@$(RUN)ruff format --quiet
lock: .local/tools/.installed ## Resolve every requirements.in anew
	@for name in $(LOCKS); do $(COMPILE) --generate-hashes "$$name.in" --output-file "$$name.txt" --upgrade; done
	@$(COMPILE) --no-annotate pyproject.toml --constraints requirements/dev.txt --output-file requirements/constraints.txt
clean: ## Remove everything that the other commands made
	@if [ -x $(RUN)backdrop ]; then $(RUN)backdrop down; fi
	@rm -rf .venv .local .aws-sam dist .pytest_cache .ruff_cache .hypothesis
setup: .venv/.project .local/emulator/.installed .local/sam/.installed .local/runtime/.installed ## Install all tools into this folder
	@:

.local/tools/.installed: requirements/tools.txt
	@[ -n "$(PYTHON)" ] || { echo "Backdrop needs Python 3.13; none was found as python3.13, python3 or through pyenv. Install it, or say make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@requirements/install "$(PYTHON)" .local/tools $<
.venv/.installed: requirements/dev.txt .local/tools/.installed
	@requirements/install "$(PYTHON)" .venv $<
.venv/.project: .venv/.installed pyproject.toml template.yaml
	@.local/tools/bin/uv pip install --quiet --python .venv --no-build-isolation --no-deps --editable .
	@touch $@
.local/node/.installed: requirements/node/package-lock.json .venv/.installed
	@requirements/install_node .venv .local/node
.local/%/.installed: requirements/%.txt .local/tools/.installed
	@requirements/install "$(PYTHON)" .local/$* $<
.PHONY: help demo test scan audit chaos simulate mutants proof bench build wheel check types texts unit golden wild up down env invoke path site docs format lock clean setup
