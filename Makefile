# Every target sets itself up: a virtual environment in .venv, and what the target needs in it.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= celeb_a
WORKDIR ?= runs/$(@:train-%=%)

.PHONY: demo test lint format train-denoiser train-prior train-completion bench app clean

demo: .venv/installed
	$(BIN)/python -m gan_restore.main --config=configs/demo.py --workdir=out/demo/toy_faces
	$(BIN)/gan-restore demo --out out/demo

test: .venv/installed-test
	$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train-%: export GLIBC_TUNABLES = glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8589934592:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456

# The shipped denoiser: make train-denoiser DATA=folder:/path/to/celeba
train-denoiser: export XLA_FLAGS = --xla_force_host_platform_device_count=2
train-denoiser: .venv/installed
	$(BIN)/python -m gan_restore.main --config=configs/denoiser.py --config.dataset=$(DATA) --workdir=$(WORKDIR)

# The shipped DCGAN: make train-prior DATA=folder:/path/to/celeba
train-prior: .venv/installed
	$(BIN)/python -m gan_restore.main --config=configs/prior.py --config.dataset=$(DATA) --workdir=$(WORKDIR)
	$(BIN)/python -m gan_restore.main --config=configs/prior.py --config.dataset=$(DATA) --workdir=$(WORKDIR) --mode=evaluate

# The shipped completion network: make train-completion DATA=folder:/path/to/celeba
train-completion: export XLA_FLAGS = --xla_force_host_platform_device_count=2
train-completion: .venv/installed
	$(BIN)/python -m gan_restore.main --config=configs/completion.py --config.dataset=$(DATA) --workdir=$(WORKDIR)
	$(BIN)/python -m gan_restore.main --config=configs/completion.py --config.dataset=$(DATA) --workdir=$(WORKDIR) --mode=evaluate

bench: .venv/installed-bench
	PYTHONPATH=. $(BIN)/python benchmarks/train_dcgan.py --stock
	PYTHONPATH=. $(BIN)/python benchmarks/train_cdcgan.py
	PYTHONPATH=. $(BIN)/python benchmarks/train_unet_gan.py
	PYTHONPATH=. $(BIN)/python benchmarks/restore.py

app: .venv/installed-app
	$(BIN)/gan-restore app

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; make PYTHON=...")'
	$(PYTHON) -m venv .venv

.venv/installed: setup.py constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

.venv/installed-%: .venv/installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$*]'
	touch $@

clean:
	rm -rf .venv build *.egg-info
