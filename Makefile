# make demo, make test, make check: everything runs in .venv, made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := ixpe,test

.PHONY: help install demo three-missions test check format clean

help:
	@echo "make demo    install, get the demo's data and run it"
	@echo "make three-missions   Chandra, eROSITA and IXPE in one catalog"
	@echo "make test    the whole test suite"
	@echo "make check   style, types, layers, stages and contracts, in seconds"
	@echo "make format  bring the sources into the house style"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "xsurvey needs Python 3.11 or later: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python has no venv; install it with: sudo apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

demo: $(STAMP)
	$(BIN)/xsurvey data install msh15-52
	$(BIN)/xsurvey data install chandra-acis-i-arf
	$(BIN)/xsurvey data install atomdb
	$(BIN)/xsurvey run configs/demo.yaml

INPUT := three_missions_input
PULSAR := 228.4818,-59.1358

three-missions: $(STAMP)
	$(BIN)/xsurvey data install msh15-52
	mkdir -p $(INPUT)
	$(BIN)/xsurvey simulate -o $(INPUT)/tile.fits --mission erosita --scans 16 \
	  --pointing $(PULSAR) --field-size 90arcmin --energy 0.2-5 --background-rate 1 \
	  --source $(PULSAR),400 --random-sources 20 --random-counts 60 --seed 1
	$(BIN)/xsurvey simulate -o $(INPUT)/pulsar.fits --mission ixpe --exposure 20ks \
	  --pointing $(PULSAR) --energy 2-8 --background-rate 0.05 \
	  --source $(PULSAR),2000 --seed 2
	$(BIN)/xsurvey run configs/three_missions.yaml

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m xsurvey.engine.fingerprint
	$(BIN)/python -m pytest -q tests/contract

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo_output three_missions_input three_missions_output build *.egg-info
