# Every command of the project; CI runs the same ones. `make` lists them.
# PYTHON=/path/to/python3.12 selects another Python than the newest that is installed.
VENV ?= .venv
BIN := $(VENV)/bin
# The developers' environment is used if it exists.
DEMO := $(if $(wildcard $(VENV)/.ready),$(VENV),.venv-demo)
GRAPHS := $(filter-out %.lock.json,$(sort $(wildcard graphs/*.json)))

EDITORS := $(VENV)/editors/1.43/.ready $(VENV)/editors/1.58/.ready
NEXT_SDK := $(VENV)/runpod-next
TEMPLATES := compiler/comfy2runpod/templates
LOCK := uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header
# Folders of fast tests, without browsers, Node, and servers that take a second to start. Other tests in them are marked `slow`.
FAST := $(addprefix tests/,architecture cli compiler contract errors mutants package parity rendering runtime write)
# A test of the whole suite fails after ten minutes; one that is asked for more than CI's slice has two hours.
LONG := --timeout 7200 -o faulthandler_timeout=7500
SEED ?= 1
COUNT ?= 100

.PHONY: help setup editors chromium swift node demo site redoc page test check fast mutants lint types imports unit install-test image-test image-test-real dist drift package generate goldens editor editor-cases parity cases sizes-real fuzz fuzz-input quoting kills faults faults-real sdk-next start-test hostile-media images soak settings bench lock clean

help: ## List the commands.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(VENV)/.ready ## Create the virtual environment from the locked dependencies.

$(VENV)/.ready: requirements/dev.lock pyproject.toml
	@python=$$(PYTHON="$(PYTHON)" scripts/find_python.sh $(VENV)) && "$$python" scripts/make_environment.py $(VENV) $< --compiled
	@touch $@

editors: $(EDITORS) ## Install the real editors' files from locked packages.

# Not in the environment itself, which cannot have two versions of one package.
$(VENV)/editors/%/.ready: requirements/editor-%.lock | $(VENV)/.ready
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(@D) -r $<
	touch $@

chromium: ## Install Debian's Chromium if there is none, as root; without it, the editor's tests are skipped.
	scripts/install_chromium.sh

swift: ## Install Debian's Swift, a real S3 server, if there is none, as root; without it, its tests are skipped.
	scripts/install_swift.sh

node: ## Install Node and npm if there are none, as root; without them, the TypeScript clients' tests are skipped.
	scripts/install_node.sh

demo: $(DEMO)/.ready ## Compile graphs/t2v_ltx2.json, run its handler on the simulator, and measure the video.
	@echo "==> comfy2runpod compile graphs/t2v_ltx2.json"
	@$(DEMO)/bin/comfy2runpod compile --force graphs/t2v_ltx2.json
	@echo "==> comfy2runpod run generated/t2v_ltx2: its own handler, before the simulator (it draws, it runs no model)"
	@$(DEMO)/bin/comfy2runpod run generated/t2v_ltx2 --input @generated/t2v_ltx2/test_input.json -o demo --force
	@echo "==> done: the video is demo/video.mp4, the whole answer demo/response.json, the package generated/t2v_ltx2/"
	@echo "    The same with a graph of your own: $(DEMO)/bin/comfy2runpod compile YOUR_GRAPH.json"

# A demo only needs the base installation; the developers' tools are three times as large.
.venv-demo/.ready: requirements/demo.lock pyproject.toml
	@python=$$(PYTHON="$(PYTHON)" scripts/find_python.sh .venv-demo) && "$$python" scripts/make_environment.py .venv-demo $<
	@touch $@

site: setup ## Build the API documents of generated/ as a static site, in site/.
	$(BIN)/comfy2runpod docs generated/ -o site --force

redoc: setup ## Download Redoc from npm again, checked by its hash.
	$(BIN)/python scripts/download_redoc.py

page: setup ## Bundle the scripts of the pages from their TypeScript modules; they are left as they are without Node.
	PYTHONPATH=. $(BIN)/python scripts/bundle_page.py

test: setup lint types imports drift unit ## Everything that CI checks.

check: setup lint types imports fast ## What to run while you work: lint, types and the fast tests; three minutes.

fast: setup ## Run the fast tests.
	$(BIN)/pytest -q -n 2 -m "not slow and not editor" $(FAST)

mutants: setup ## Mutation tests: remove each member of the contract, method of a kind and reader of facts (ONLY=, SAMPLE=, JOBS=).
	PYTHONPATH=. $(BIN)/python scripts/mutants.py $(if $(JOBS),--jobs $(JOBS)) $(if $(ONLY),--only "$(ONLY)") $(if $(SAMPLE),--sample $(SAMPLE) --seed $(SEED))

lint: setup ## Check style and formatting, and that there are no binaries or large files.
	$(BIN)/python scripts/check_files.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Check the types of the project and of every generated package.
	$(BIN)/mypy
	$(BIN)/python scripts/check_generated.py generated/*/

imports: setup ## Check which module imports which.
	$(BIN)/lint-imports

unit: setup editors $(NEXT_SDK)/.ready ## Run all tests.
	$(BIN)/pytest -q -n 2

install-test: setup ## Install by pip, uv and pipx with each Python on this machine, and the image's worker; half an hour.
	INSTALL_TESTS=all $(BIN)/pytest -q -n 2 $(LONG) tests/installation

drift: setup ## Check that the committed scripts of the pages and the packages are what their sources give.
	PYTHONPATH=. $(BIN)/python scripts/bundle_page.py --check
	$(BIN)/comfy2runpod compile --check $(GRAPHS)

package: .venv-demo/.ready ## Compile graphs/NAME.json with the base installation alone; fails if that changes generated/NAME.
	.venv-demo/bin/comfy2runpod compile "graphs/$(NAME).json"
	git diff --exit-code --stat -- "generated/$(NAME)"

generate: setup ## Generate the clients' contract modules, the scripts of the pages, the settings and the packages in generated/.
	$(BIN)/python scripts/client_contract.py
	$(BIN)/python scripts/settings_table.py
	PYTHONPATH=. $(BIN)/python scripts/bundle_page.py
	$(BIN)/comfy2runpod compile --force $(GRAPHS)

image-test: setup ## Build the image of every package with buildah, torch and all, and run a job in it; root, an hour, 40 GB.
	IMAGE_TESTS=all $(BIN)/pytest -q -n 0 $(LONG) -s tests/image

image-test-real: setup ## The same with a real ComfyUI in it: COMFYUI_SOURCE, IMAGE_MODELS and IMAGE_NODES name folders.
	IMAGE_TESTS=all $(BIN)/pytest -q -n 0 $(LONG) -s tests/image/test_real.py

dist: .venv-release/.ready ## Build and check the wheel and the sdist, and their bill of materials (SBOM) in build/sbom/.
	rm -rf dist
	.venv-release/bin/python -m hatchling build --directory dist
	.venv-release/bin/twine check --strict dist/*
	.venv-release/bin/check-wheel-contents --ignore W002,W009 dist/*.whl
	mkdir -p build/sbom
	.venv-release/bin/cyclonedx-py requirements requirements/demo.lock --pyproject pyproject.toml --mc-type application \
	  --output-reproducible --output-format JSON --output-file build/sbom/comfy2runpod.cdx.json
	.venv-release/bin/cyclonedx-py requirements $(TEMPLATES)/worker.lock \
	  --output-reproducible --output-format JSON --output-file build/sbom/comfy2runpod_runtime.cdx.json

.venv-release/.ready: requirements/release.lock
	@python=$$(PYTHON="$(PYTHON)" scripts/find_python.sh .venv-release) && "$$python" scripts/make_environment.py .venv-release $< --alone
	@touch $@

goldens: setup ## Rewrite the golden files; read the diff before you commit it.
	ACCEPT_GOLDENS=1 $(BIN)/pytest -q -n 2 tests/contract tests/errors tests/compiler tests/end_to_end/test_image_table.py \
	  tests/end_to_end/test_video_table.py

editor: setup editors chromium ## Run the tests that drive the real editor headless (CHROMIUM= selects another browser).
	$(BIN)/pytest -q tests/editor

editor-cases: setup editors chromium ## Let the real editors make the prompts in tests/compiler/editor_cases again.
	PYTHONPATH=. $(BIN)/python scripts/refresh_editor_cases.py

parity: setup editors chromium ## Compare with the real editors: all templates, and COUNT changed graphs of SEED; writes docs/parity.md.
	$(BIN)/python -m parity --seed $(SEED) --count $(COUNT)

cases: setup ## Compile every graph below DIR; exit 1 if one fails without a reason, is too slow, or gives a broken package.
	$(BIN)/python scripts/run_cases.py $(DIR)

sizes-real: setup ## Compare what every graph below DIR saves on the simulator and a real ComfyUI: COMFYUI_DIR, COMFYUI_PYTHON.
	$(BIN)/python -m tests.sizes $(DIR) $(if $(filter command environment,$(origin COUNT)),--count $(COUNT)) --seed $(SEED)

fuzz: setup ## Run the property tests with COUNT examples each, from SEED.
	FUZZ_COUNT=$(COUNT) FUZZ_SEED=$(SEED) $(BIN)/pytest -q -n 2 $(LONG) --hypothesis-seed=$(SEED) tests/properties

kills: setup ## Kill every command that writes with SIGKILL, COUNT times each at moments of SEED: nothing is lost or left behind.
	KILL_COUNT=$(COUNT) KILL_SEED=$(SEED) $(BIN)/pytest -q -n 2 $(LONG) tests/kills

quoting: setup ## Render every text at every place of every template and interface; then disable each filter in turn (long).
	WHOLE_QUOTING=1 $(BIN)/pytest -q -n 2 $(LONG) -s tests/rendering
	PYTHONPATH=. $(BIN)/python scripts/disable_filters.py

faults: setup ## Cause every fault; with RIVAL=CHECKOUT of worker-comfyui also in its handler, for docs/reliability.md.
	$(BIN)/python -m tests.faults $(if $(RIVAL),--worker-comfyui $(RIVAL) --report docs/reliability.md)

# The SDK's next major version, beside the environment, which has the one that is locked for images.
$(NEXT_SDK)/.ready: requirements/runpod-next.lock | $(VENV)/.ready
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(@D) -r $<
	touch $@

sdk-next: setup $(NEXT_SDK)/.ready ## Run the tests of the SDK's loop and every fault on the next major version of RunPod's SDK.
	PYTHONPATH=$(abspath $(NEXT_SDK)) NEXT_SDK=1 $(BIN)/pytest -q -n 2 $(LONG) tests/runtime/test_sdk.py tests/runtime/test_memory.py tests/faults

faults-real: setup ## The same on a real ComfyUI: COMFYUI_DIR and COMFYUI_PYTHON (COMFYUI_ARGS=--cpu), or COMFYUI_URL.
	$(BIN)/python -m tests.faults.real $(if $(REPORT),--report $(REPORT))

start-test: setup ## Start workers in Linux namespaces, with every signal, disk and broken ComfyUI; half an hour.
	START_CASES=all $(BIN)/pytest -q -n 2 $(LONG) tests/start

hostile-media: setup ## Send hostile media, and break decoders, between good jobs in the real worker loop (SEED=, KIND=video).
	$(BIN)/python -m tests.faults.hostile --seed $(SEED) --kind $(or $(KIND),image)

fuzz-input: setup ## Send COUNT random inputs of SEED to the handler: each gets a result or an error code.
	$(BIN)/python -m tests.faults.fuzz --count $(COUNT) --seed $(SEED)

settings: setup ## Generate docs/settings.md, and what packages say of settings, from the worker's settings.
	$(BIN)/python scripts/settings_table.py

images: setup chromium ## Draw docs/terminal.svg and docs/page.svg again.
	$(BIN)/python scripts/terminal_image.py
	$(BIN)/python scripts/page_image.py

soak: setup ## Run 10,000 jobs with random faults: none is lost or run twice, and nothing leaks; docs/soak.svg.
	$(BIN)/python -m tests.faults.soak --plot docs/soak.svg

bench: setup ## Benchmark against other converters, with RIVAL=CHECKOUT also handlers; ratios in benchmarks/results.md.
	WORKER_COMFYUI=$(RIVAL) $(BIN)/python benchmarks/run.py

lock: setup ## Update every lock: of the developers, the demo, the image and the editors (needs uv).
	$(LOCK) --universal --python-version 3.11 --group dev --group build pyproject.toml --output-file requirements/dev.lock
	$(LOCK) --universal --python-version 3.11 --group build pyproject.toml --output-file requirements/demo.lock
	$(LOCK) --universal --python-version 3.11 --group release --output-file requirements/release.lock
	$(LOCK) --python-version 3.12 --python-platform linux $(TEMPLATES)/worker.in --output-file $(TEMPLATES)/worker.lock
	$(BIN)/python scripts/image_requirements.py | $(LOCK) --python-version 3.12 --python-platform linux - \
	  $$($(BIN)/python scripts/image_requirements.py --omitted) --output-file \
	  $(TEMPLATES)/comfyui-$$($(BIN)/python scripts/image_requirements.py --version).lock
	echo sageattention | $(LOCK) --no-deps --python-version 3.12 --python-platform linux - \
	  --output-file $(TEMPLATES)/attention-sage.lock
	for editor in 1.43 1.58; do $(LOCK) --universal --python-version 3.11 \
	  --group editor-$$(echo $$editor | tr . -) --output-file requirements/editor-$$editor.lock || exit 1; done

clean: ## Remove everything that the commands made.
	rm -rf $(VENV) .venv-demo .venv-release demo dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
