# Every target sets itself up: a virtual environment in .venv, and what the target needs in it.
PYTHON ?= python3
BIN := .venv/bin
DATA ?=
WORKDIR ?= runs/$(@:train-%=%)
PYTEST := $(BIN)/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal

.PHONY: demo dist docs links test test-slow test-browser lint format bench bench-accelerator app clean

demo: .venv/installed
	$(BIN)/python -m gan_restore.main --config=configs/demo.py --workdir=out/demo/toy_faces
	$(BIN)/gan-restore demo --out out/demo

# The small networks of the tests take longer to compile than to run: less is optimised.
QUICKLY := --xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level
test: export XLA_FLAGS := $(XLA_FLAGS) $(QUICKLY)=0
test: .venv/installed-test
	$(PYTEST) -m "not slow and not browser"

test-slow: export XLA_FLAGS := $(XLA_FLAGS) $(QUICKLY)=1
test-slow: .venv/installed-test
	$(PYTEST) -m slow

# It also needs Chromium.
test-browser: .venv/installed-test .venv/installed-browser
	$(BIN)/python -m pytest -m browser tests/commands/test_app.py

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The shipped weights: make train-NAME DATA=folder:/path/to/celeba, of configs/shipped/NAME.py.
TRAIN = $(BIN)/python -m gan_restore.main --config=configs/shipped/$(1) $(if $(DATA),--config.dataset=$(DATA)) --workdir=$(2)

train-denoiser: .venv/installed
	$(call TRAIN,denoiser.py:first,$(WORKDIR)/first)
	$(call TRAIN,denoiser.py:second,$(WORKDIR)/second) --config.init_from=$(WORKDIR)/first
	$(call TRAIN,denoiser.py:third,$(WORKDIR)/third) --config.init_from=$(WORKDIR)/second
	$(call TRAIN,denoiser.py:samples,$(WORKDIR)/samples) --config.init_from=$(WORKDIR)/third
	$(call TRAIN,denoiser.py:samples,$(WORKDIR)/samples) --mode=evaluate

# PICTURES is the folder of its data sets; see the config.
PICTURES ?= .
train-denoiser-pictures: .venv/installed
	$(call TRAIN,denoiser-pictures.py:first:$(PICTURES),$(WORKDIR)/first)
	$(call TRAIN,denoiser-pictures.py:second:$(PICTURES),$(WORKDIR)/second) --config.init_from=$(WORKDIR)/first
	$(call TRAIN,denoiser-pictures.py:third:$(PICTURES),$(WORKDIR)/third) --config.init_from=$(WORKDIR)/second
	$(call TRAIN,denoiser-pictures.py:third:$(PICTURES),$(WORKDIR)/third) --mode=evaluate

train-scratch_finder: .venv/installed
	$(call TRAIN,scratch_finder.py:$(PICTURES),$(WORKDIR))
	$(call TRAIN,scratch_finder.py:$(PICTURES),$(WORKDIR)) --mode=evaluate

train-unet_gan: .venv/installed
	$(call TRAIN,unet_gan.py:first,$(WORKDIR)/first)
	$(call TRAIN,unet_gan.py:second,$(WORKDIR)/second) --config.init_from=$(WORKDIR)/first
	$(call TRAIN,unet_gan.py:second,$(WORKDIR)/second) --mode=evaluate

train-unet_gan-128: .venv/installed
	$(call TRAIN,unet_gan-128.py:first:$(PICTURES),$(WORKDIR)/first) --config.init_from=gan_restore/shipped/unet_gan.safetensors
	$(call TRAIN,unet_gan-128.py:second:$(PICTURES),$(WORKDIR)/second) --config.init_from=$(WORKDIR)/first
	$(call TRAIN,unet_gan-128.py:second:$(PICTURES),$(WORKDIR)/second) --mode=evaluate

train-%: .venv/installed
	$(call TRAIN,$*.py,$(WORKDIR))
	$(call TRAIN,$*.py,$(WORKDIR)) --mode=evaluate

# The wheel and the source distribution of a release, in dist, checked.
dist: .venv/installed-release
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# The site, in build/site. A warning is an error. `make links` also checks the links to other sites.
docs: .venv/installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/site

links: .venv/installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -b linkcheck docs build/links

bench: .venv/installed-bench
	$(BIN)/python benchmarks/train.py
	$(BIN)/python benchmarks/restore.py
	$(BIN)/python benchmarks/pipeline.py

bench-accelerator: .venv/installed
	$(BIN)/python benchmarks/accelerator.py

app: .venv/installed-app
	$(BIN)/gan-restore app

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; make PYTHON=...")'
	$(PYTHON) -m venv .venv

# Without compiling: Python compiles a module when it is first imported, and most modules of the
# dependencies never are. None of these has a warning of the compiler, which would fail the tests.
.venv/installed: setup.py pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt -e .
	touch $@

.venv/installed-%: .venv/installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$*]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
