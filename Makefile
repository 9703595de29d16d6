# make demo, make test, make check: everything runs in .venv, made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := hpc,ixpe,test

.PHONY: help install demo three-missions cluster cluster-input polarization polarization-input \
  blazar blazar-electrons blazar-input compare test check format clean

help:
	@echo "make demo    install, get the demo's data and run it"
	@echo "make three-missions   Chandra, eROSITA and IXPE in one catalog"
	@echo "make cluster   simulate a cluster in four survey tiles, and measure its profiles and mass"
	@echo "make polarization   simulate a polarized blazar and its optical light, and measure its polarization"
	@echo "make blazar   simulate a blazar's spectrum and polarization, compare leptonic and hadronic models"
	@echo "make blazar-electrons   the same, of two distributions of electrons: in two minutes"
	@echo "make compare   the same measurements by Sherpa, pyproffit, ixpeobssim and agnpy: values, time, memory"
	@echo "make test    the whole test suite"
	@echo "make test-slurm   runs on a real Slurm (Debian: slurmctld slurmd slurm-client munge), with faults"
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

CLUSTER := cluster_input
# another one gives another sky and other counts of the same cluster
SEED := 0
PARTICLES := --particle powerlaw+gaussian --particle-set powerlaw.PhoIndex=0 \
  --particle-set powerlaw.norm=0.18 --particle-set gaussian.LineE=1.486 \
  --particle-set gaussian.Sigma=0 --particle-set gaussian.norm=0.05 --particle-group \
  "TM9=gaussian gaussian.LineE=0.3 gaussian.Sigma=0.08 gaussian.norm=0.05"
# the Local Hot Bubble, the Milky Way's halo and what sources below 3e-14 leave
SKY := --diffuse "apec+tbabs*(apec+powerlaw)" --diffuse-set apec.kT=0.1 \
  --diffuse-set apec.norm=1.5e-6 --diffuse-set tbabs.nH=0.08 --diffuse-set apec_2.kT=0.22 \
  --diffuse-set apec_2.norm=1.2e-6 --diffuse-set powerlaw.PhoIndex=1.45 \
  --diffuse-set powerlaw.norm=6.34e-7 --log-n-log-s 3e-14 --sky-seed $$(($(SEED) + 7))
# they overlap a little, as those of surveys do
TILES := 1:194.2300,-42.8350 2:190.1700,-42.8350 3:194.1845,-39.7850 4:190.2155,-39.7850

cluster-input: $(STAMP)
	$(BIN)/xsurvey data install atomdb
	mkdir -p $(CLUSTER)
	for tile in $(TILES); do $(BIN)/xsurvey simulate \
	  -o $(CLUSTER)/tile_$${tile%%:*}.fits --mission erosita --pointing $${tile#*:} \
	  --scans 98 --scan-distance 2.5arcmin --field-size 3.06deg --energy 0.2-9 \
	  --start $${tile%%:*}e8 --cluster configs/centaurus_like.yaml $(SKY) $(PARTICLES) \
	  --seed $$(($(SEED) + $${tile%%:*})) || exit 1; done
	$(BIN)/xsurvey simulate -o $(CLUSTER)/closed.fits --mission erosita --closed \
	  --exposure 200ks --energy 0.2-9 $(PARTICLES) --seed $$(($(SEED) + 101))

cluster: cluster-input
	$(BIN)/xsurvey run configs/cluster.yaml

POLARIZATION := polarization_input
BLAZAR := 149.69685,65.56523
# Place and dates are those of S4 0954+65's observation 02009001. Assumed: counts, for which MDP99
# is 13 % in 2-8 keV within 60", photon index, good time without gaps, a polarization of 5 % that
# turns with the optical one, from 10 deg at the start to 90 at the end, and a faint background, for
# small files.
polarization-input: $(STAMP)
	mkdir -p $(POLARIZATION)
	$(BIN)/xsurvey simulate -o $(POLARIZATION)/blazar.fits --mission ixpe --start 2023-05-25 \
	  --exposure 691.2ks --pointing $(BLAZAR) --energy 1-12 --photon-index 2 \
	  --background-rate 0.014 --source $(BLAZAR),41000 --polarization 0.05,10 \
	  --rotation-rate 10 --seed 1
	$(BIN)/xsurvey polarization simulate-series -o $(POLARIZATION)/optical.ecsv \
	  --start 2023-05-10 --days 40 --points 60 --degree 0.143 --degree-error 0.01 --angle -20 \
	  --rotation-rate 10 --rotation-start 12 --rotation-days 16 --seed 1

polarization: polarization-input
	$(BIN)/xsurvey run configs/polarization.yaml

BLAZAR_INPUT := blazar_input
# A sphere of electrons with a broken power law, chosen for two humps and an optical degree of
# about 14 %. All of it is assumed: no value is one of S4 0954+65.
TRUTH := --model ssc --electrons broken-power-law --redshift 0.3 --set log10_k=-4.4 --set p1=2 \
  --set p2=4.2 --set log10_gamma_b=3.7 --freeze gamma_max=1e5 --set delta=25 \
  --set log10_B=-0.8 --set field_inclination=60 --set polarization_angle=30 \
  --set depolarization=0.18
POINTS := --points millimetre=1e11,3e11,3,0.1 --points infrared=3e13,1.5e14,4,0.08 \
  --points optical=3e14,1e15,5,0.05 --points X-rays=1e17,2e18,8,0.08 \
  --points gamma-rays=3e22,3e24,6,0.15 --stokes optical=5e14,0.01 --stokes X-rays=1e18,0.03

blazar-input: $(STAMP)
	mkdir -p $(BLAZAR_INPUT)
	$(BIN)/xsurvey sed simulate -o $(BLAZAR_INPUT)/sed.ecsv \
	  --polarization-output $(BLAZAR_INPUT)/polarization.ecsv $(TRUTH) $(POINTS) --seed 1

blazar: blazar-input
	$(BIN)/xsurvey run configs/blazar.yaml

blazar-electrons: blazar-input
	$(BIN)/xsurvey run configs/blazar_electrons.yaml

# each peer in an environment of its own below .venv-compare, 2.3 GB and some minutes in all
compare: $(STAMP)
	$(BIN)/xsurvey data install 3c273
	mkdir -p compare_output
	$(BIN)/python -m benchmarks.compare --json compare_output/compare.json \
	  --page compare_output/compare.md >/dev/null
	@cat compare_output/compare.md

# its many processes would each compile the modules again where bytecode is not kept
test: $(STAMP)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n 2 --dist loadfile

# on a private Slurm of its own; each file of tests starts one, and most of the time they wait
test-slurm: $(STAMP)
	$(BIN)/xsurvey data install msh15-52 chandra-acis-i-arf atomdb
	XSURVEY_SLURM=required $(BIN)/python -m pytest -q -n 2 --dist loadfile tests/slurm

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
	rm -rf $(VENV) .venv-compare compare_output demo_output three_missions_input three_missions_output cluster_input cluster_output polarization_input \
	  polarization_output blazar_input blazar_output \
	  blazar_electrons_output build *.egg-info
