# The commands of this repository. `make` without a target lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# PYTHONDONTWRITEBYTECODE would make every start of SAM and of the tests compile their libraries again.
unexport PYENV_VERSION VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
export SAM_CLI_TELEMETRY := 0
PYTHON ?= $(shell for p in python3.13 python3 "$$(pyenv prefix 3.13 2>/dev/null)/bin/python3.13"; do \
  "$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo "$$p" && break; done)
RUN := .venv/bin/
LOCKS := layers/dependencies/requirements layers/credentials/requirements requirements/dev requirements/docs requirements/emulator requirements/model requirements/runtime requirements/sam requirements/tools requirements/audit requirements/awscli
COMPILE = .local/tools/bin/uv pip compile --quiet --universal --no-header --exclude-newer "7 days"
TESTS := tests/proof tests/simulated tests/browser tests/contract tests/packaging tests/corpus tests/imaging tests/credentials tests/processes
PHOTOS ?=
PAGE = $(or $(OUT),.local/$@.md)
PROOF = $(or $(OUT),.local/proof)

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'
demo: setup ## Upload photos to a local cloud and show the results (PHOTOS=folder for your own)
	@$(RUN)backdrop demo $(if $(PHOTOS),--photos "$(PHOTOS)")
test: check ## Run everything that CI runs
	@$(MAKE) --no-print-directory -j2 scan site artifacts collect
	@$(RUN)pytest -q -n 4 --dist worksteal $(TESTS)
	@$(RUN)pytest -q -n 8 --no-loadscope-reorder tests/e2e
artifacts: setup
	@$(RUN)python -m backdrop_local.build
collect: setup
	@# Compiles the tests once. Otherwise, each of the pytest workers, which start together, would compile all of them.
	@output="$$($(RUN)pytest -q --collect-only $(TESTS) tests/e2e)" || { echo "$$output" >&2; exit 1; }
check: setup ## Run linters, type checker, text checks, unit tests, and golden tests
	@$(RUN)ruff check --quiet
	@$(RUN)ruff format --check --quiet
	@output="$$($(RUN)lint-imports --no-logo --no-cache)" || { echo "$$output" >&2; exit 1; }
	@$(MAKE) --no-print-directory -j2 types texts unit
types:
	@$(RUN)pyrefly check --summary=none
texts:
	@$(RUN)rumdl check --quiet --no-cache
	@$(RUN)typos --format brief
unit:
	@$(RUN)pytest -q -n 2 tests/unit tests/golden
golden: setup ## Rewrite the golden files after an intended change to the public contract
	@$(RUN)pytest -q tests/golden --rewrite-golden
wild: setup ## Run the property tests with new random examples
	@$(RUN)pytest -q -n 2 -m hypothesis --hypothesis-profile=wild tests/unit tests/imaging tests/simulated tests/contract
scan: setup .local/audit/.installed ## Check templates and workflows with cfn-lint, checkov, and zizmor
	@$(RUN)cfn-lint --regions eu-central-1 -- template.yaml kept.yaml examples/*/template.yaml
	@# By default, checkov forks a process for each file, which takes as long again.
	@CHECKOV_PARALLELIZATION_TYPE=none .local/audit/bin/checkov --config-file .checkov.yaml
	@.local/audit/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.local/audit/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@.local/audit/bin/zizmor --offline --pedantic --no-progress --quiet .github
audit: scan ## Run scan, and query PyPI and npm for known vulnerabilities of all locked packages
	@requirements/vulnerabilities $(LOCKS:%=%.txt)
simulate: setup ## Run simulated seeds of the product (SEEDS=500, FIRST=0, FAULTS=a,b, OUT=page; SEED=7: one seed with its history; FAULTS=none: many photos, N="100 10000")
	@$(RUN)python -m $(if $(filter none,$(FAULTS)),bench.extrapolation $(if $(N),--rows $(N)),simulation.scenarios $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500) --first $(or $(FIRST),0) --out $(PAGE)) $(if $(FAULTS),--faults $(FAULTS)))
bill: setup ## Simulate settlements by usage records (SEEDS=1000, FIRST=0, OUT=page)
	@$(RUN)python -m simulation.bill --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0) $(if $(OUT),--out $(OUT))
mutants: setup ## Remove each guard of the product, and run seeds until an invariant breaks (SEEDS=300 at most, OUT=page)
	@$(RUN)python -m simulation.mutation --from-scratch --seeds $(or $(SEEDS),300) --out $(PAGE)
chaos: setup ## Run the fault bench on the real stack and a naive pipeline (N=photos, 30 or more; SEED=first, SEEDS=count, OUT=page, ALONE=1: no naive pipeline, MIXED=1: all lanes)
	@$(RUN)python -m fault_bench $(if $(N),--photos $(N)) $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS) --at-once 3) $(if $(ALONE),--alone) $(if $(MIXED),--mixed) --out $(PAGE)
proof: setup ## Run the full proof, which takes hours: 10,000 seeds, 1,000 bills, every mutant from scratch, and chaos; write pages to .local/proof (OUT=docs/results)
	@# Every fifth world has names, frames, and marketplaces; from seed 2,000,000 on, also retries, masks, and
	@# approvals; from seed 3,000,000 on, also mandates. From seed 4,000,000 on, every third world also has
	@# Ideogram's v2 next to v1, and every second one divides the day's budget into shares.
	@$(MAKE) --no-print-directory simulate SEEDS=10000 FIRST=4080000 OUT=$(PROOF)/simulate.md
	@$(MAKE) --no-print-directory bill OUT=$(PROOF)/bill.md
	@$(MAKE) --no-print-directory mutants OUT=$(PROOF)/mutants.md
	@$(RUN)python -m simulation.bill --mutants
	@$(MAKE) --no-print-directory chaos SEEDS=20 ALONE=1 OUT=$(PROOF)/chaos.md
	@$(MAKE) --no-print-directory chaos SEEDS=3 OUT=$(PROOF)/chaos_beside.md
	@$(MAKE) --no-print-directory chaos MIXED=1 OUT=$(PROOF)/chaos_mixed.md
bench: setup .local/awscli/.installed ## Measure speed, cost, and scale, up to 48 minutes on two cores (ONLY="drain comparison" for some parts), and write bench/results
	@$(RUN)python -m bench $(if $(ONLY),--only "$(ONLY)")
build: setup ## Build, prune, and compile what `sam deploy` uploads (PARAMS="Architecture=x86_64")
	@PATH="$(CURDIR)/.local/sam/bin:$$PATH" ARCHITECTURE=$(or $(patsubst Architecture=%,%,$(filter Architecture=%,$(PARAMS))),arm64) \
	  sam build $${PARAMS:+--parameter-overrides "$$PARAMS"}
	@$(RUN)python -m backdrop_local.finish_build .aws-sam/build
baseline: setup ## Keep this release for the update tests: its built stack, and one of everything that it stores
	@$(RUN)python -m tests.releases
wheel: setup ## Build the wheel of the `backdrop` command in dist/, with what else a release attaches
	@rm -rf dist
	@$(RUN)python -m hatchling build --target wheel --directory dist >/dev/null
	@cp requirements/bill-of-materials.cdx.json dist/
	@cd dist && { sha256sum *.whl | sed 's|\(.*\)  \(.*\)|./\2 --hash=sha256:\1|'; cat ../requirements/command.txt; } > requirements.txt
up: setup ## Start a local cloud, or update a running one (PARAMS="Name=value …")
	@$(RUN)backdrop up
down: setup ## Stop the local cloud and delete its data
	@$(RUN)backdrop down
env: ## Print export lines that point any AWS tool at the local cloud
	@[ -x $(RUN)backdrop ] || { echo "No local cloud is running. Start one with make up." >&2; exit 1; }
	@$(RUN)backdrop env
invoke: setup ## Run the code of a function on an event, against the running local cloud (EVENT=events/s3_put.json)
	@$(RUN)python -m backdrop_local.invoke $(EVENT)
path: setup ## Print an export line that adds sam and Python 3.13 to the PATH
	@# `python` must be the one that has backdrop_client. SAM finds the pip of its own environment behind it.
	@echo "export PATH=\"$(CURDIR)/.venv/bin:$(CURDIR)/.local/sam/bin:$$PATH\""
site: .venv/.project .local/docs/.installed .local/node/.installed ## Build the searchable documentation site in .local/site
	@$(RUN)python -m docs.make_site
docs: setup ## Generate schemas/ and the generated pages of docs/ from the code
	@$(RUN)python -m docs
format: setup ## Format the code and apply the linter's automatic fixes
	@$(RUN)ruff check --quiet --fix-only
	@$(RUN)ruff format --quiet
lock: .local/tools/.installed ## Resolve all requirements again and update the locks
	@# The layer credentials has no dependencies: what its library names is only for building it. Of the model's wheels, only files are read.
	@for name in $(LOCKS); do options="--python-version 3.13"; \
	  case $$name in layers/credentials/*) options+=" --no-deps";; requirements/model) options="--python-version 3.12 --no-deps";; esac; \
	  $(COMPILE) $$options --generate-hashes "$$name.in" --output-file "$$name.txt" --upgrade; done
	@$(COMPILE) --python-version 3.13 --no-annotate --generate-hashes --all-extras pyproject.toml --constraints requirements/dev.txt --output-file requirements/command.txt
clean: ## Remove everything that the other commands created
	@if [ -x $(RUN)backdrop ]; then $(RUN)backdrop down; fi
	@rm -rf .venv .local .aws-sam dist .pytest_cache .ruff_cache .hypothesis
setup: .venv/.project .local/emulator/.installed .local/model/.installed .local/sam/.installed .local/runtime/.installed ## Install all tools into this folder
	@:

.local/tools/.installed: requirements/tools.txt
	@[ -n "$(PYTHON)" ] || { echo "Backdrop needs Python 3.13, which was not found as python3.13, as python3, or through pyenv. Install it, or run: export PYTHON=/path/to/python3.13" >&2; exit 1; }
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
.PHONY: help demo test artifacts collect scan audit chaos simulate bill mutants proof bench build baseline wheel check types texts unit golden wild up down env invoke path site docs format lock clean setup
