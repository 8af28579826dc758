# Targets of infrastructure/ and scripts/, included by the Makefile.
# The CDK app has an environment of its own: what runs needs none of it.

CDK_VENV := .cache/cdk-venv
CDK_PYTHON := $(CDK_VENV)/bin/python
CDK_OUTPUT := build/cdk.out
LAMBDA_CODE := build/lambda
STAGE ?=

# jsii warns at length of a Node that is past its end of life; it works with it.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20,22

.PHONY: synth test-infrastructure snapshots deploy lock-infrastructure lambda-code

synth: $(CDK_VENV)/installed ## AWS templates of dev and prod: build/cdk.out/, checked by cdk-nag and cfn-lint
	@$(need-node)
	@rm -rf $(CDK_OUTPUT)
	@CDK_OUTDIR=$(CDK_OUTPUT) $(CDK_PYTHON) -m infrastructure.app
	@$(CDK_VENV)/bin/cfn-lint --config-file infrastructure/cfn-lint.yaml $(CDK_OUTPUT)/*.template.json
	@echo "synth: $$(ls $(CDK_OUTPUT)/*.template.json | wc -l) templates, no finding"

test-infrastructure: synth ## synth, then style, types and tests of infrastructure/ and scripts/
	@$(CDK_VENV)/bin/ruff check infrastructure
	@$(CDK_VENV)/bin/ruff format --check infrastructure
	@$(CDK_VENV)/bin/pyright -p infrastructure
	@$(CDK_VENV)/bin/shellcheck --external-sources --source-path=SCRIPTDIR scripts/*.sh
	@$(CDK_PYTHON) -m pytest -c infrastructure/tests/pytest.ini infrastructure/tests

snapshots: synth ## keep the templates as they are now, for the tests to compare with
	@WRITE_SNAPSHOTS=1 $(CDK_PYTHON) -m pytest -c infrastructure/tests/pytest.ini \
		infrastructure/tests/test_snapshots.py

deploy: $(CDK_VENV)/installed lambda-code $(PAGES) ## bring a stage to AWS: make deploy STAGE=dev
	@[[ -n "$(STAGE)" ]] || { echo "deploy: which one? make deploy STAGE=dev" >&2; exit 1; }
	@scripts/deploy.sh "$(STAGE)"

lambda-code: $(VENV)/installed
	$(call say,code of the Lambdas: $(LAMBDA_CODE))
	@rm -rf $(LAMBDA_CODE) && mkdir -p $(LAMBDA_CODE)
	@$(call find-uv); "$$uv" pip install --quiet --target $(LAMBDA_CODE) --python-version 3.12 \
		--python-platform x86_64-manylinux_2_28 --only-binary :all: \
		--constraint requirements.txt -r infrastructure/lambda-requirements.in
	@tar -c --exclude=__pycache__ --exclude=ingest_gateway/web schemas connectors ingest_gateway \
		| tar -x -C $(LAMBDA_CODE)
	@$(PYTHON) -m infrastructure.lambda_package $(LAMBDA_CODE)

lock-infrastructure: ## choose new versions for the CDK app: infrastructure/requirements.txt
	@$(call find-uv) && "$$uv" pip compile -q --generate-hashes --upgrade infrastructure/requirements.in \
		--python-version 3.11 --no-header --no-emit-index-url -o infrastructure/requirements.txt

$(CDK_VENV)/installed: infrastructure/requirements.txt
	@$(call need,python3.11,apt-get install python3.11 python3.11-venv)
	$(call say,the CDK app's packages into $(CDK_VENV))
	@$(call find-uv); \
	[[ -x $(CDK_PYTHON) ]] || "$$uv" venv --quiet --python python3.11 $(CDK_VENV); \
	"$$uv" pip sync --quiet --require-hashes --python $(CDK_PYTHON) infrastructure/requirements.txt
	@touch $@
