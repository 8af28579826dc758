#!/usr/bin/env bash
# Bring a stage to AWS, or bring it up to date. `make deploy STAGE=dev` prepares what this takes.
#
# usage: deploy.sh STAGE
#
# Environment: ALARM_EMAIL, OPERATORS_CIDR (from where kubectl may come), MONTHLY_DOLLARS,
# AWS_REGION, BEDROCK_MODEL (which translates in place of Amazon Translate), and DRY_RUN=1 to print the
# commands instead of running them (UPGRADE=1: as for a stage that is there).
# Needs: aws (with credentials), docker, kubectl, helm, and npx for the CDK's command line.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=checks.sh
source "$here/checks.sh"

CDK=aws-cdk@2
OPERATOR=1.13.0
PARTS=(Network SessionManagement SessionHttpApi KVSWebRTC LiveTranslation Operations)

[[ $# -eq 1 && $1 =~ ^[a-z][a-z0-9-]{1,19}$ ]] || usage
stage=$1
region=${AWS_REGION:-us-east-1}
export AWS_REGION=$region
app="$root/.cache/cdk-venv/bin/python -m infrastructure.app"
context=(-c "stages=$stage" -c "region=$region" -c code=build/lambda)
[[ -n ${ALARM_EMAIL:-} ]] && context+=(-c "alarmEmail=$ALARM_EMAIL")
[[ -n ${OPERATORS_CIDR:-} ]] && context+=(-c "operatorsCidr=$OPERATORS_CIDR")
[[ -n ${MONTHLY_DOLLARS:-} ]] && context+=(-c "monthlyDollars=$MONTHLY_DOLLARS")
translation="--translation=amazon"
if [[ -n ${BEDROCK_MODEL:-} ]]; then
	context+=(-c "bedrockModel=$BEDROCK_MODEL")
	translation="--translation=bedrock --bedrock_model=$BEDROCK_MODEL --translation_fallback=amazon"
fi

run() {
	echo "+ $*"
	[[ -n ${DRY_RUN:-} ]] || "$@"
}

# output STACK NAME: what a stack says; a word in its place in a dry run.
output() {
	if [[ -n ${DRY_RUN:-} ]]; then
		echo "($1.$2)"
	else
		aws cloudformation describe-stacks --stack-name "$1-$stage" \
			--query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" --output text
	fi
}

cdk() {
	run npx --yes "$CDK" "$@" --app "$app" --output build/cdk.out "${context[@]}"
}

if [[ -z ${DRY_RUN:-} ]]; then
	need aws "install the AWS command line"
	need docker "install Docker: the images are built with it"
	need kubectl "install kubectl"
	need helm "install Helm"
	need npx "install Node"
fi
cd "$root"

cdk bootstrap
cdk deploy --require-approval never "Images-$stage"

registry=$(output Images GatewayRepository)
if [[ -n ${DRY_RUN:-} ]]; then
	echo "+ aws ecr get-login-password | docker login ${registry%%/*}"
else
	aws ecr get-login-password | docker login --username AWS --password-stdin "${registry%%/*}"
fi
# push IMAGE OUTPUT OPTION...
push() {
	local image=$1 repository
	repository=$(output Images "$2")
	shift 2
	run docker build --file "docker/$image/Dockerfile" --tag "$repository:$stage" "$@" .
	run docker push "$repository:$stage"
}
push gateway GatewayRepository

# Where people come back to when they have signed in: CloudFront gives the pages their address when
# they are first deployed, so the first time takes two.
url=
[[ -n ${DRY_RUN:-} ]] || url=$(output SessionHttpApi PagesUrl 2> /dev/null) || true
# Whether a job runs already.
is_there=${UPGRADE:-}
[[ -n ${DRY_RUN:-} ]] || is_there=$(output LiveTranslation ClusterName 2> /dev/null) || true
if [[ $url != https://* ]]; then
	cdk deploy --require-approval never "SessionHttpApi-$stage"
	url=$(output SessionHttpApi PagesUrl)
fi
context+=(-c "pagesUrl=$url")

# What the job is told is in its jar, so that comes when the addresses are known.
bring_job() {
	local management
	management=$(output SessionManagement ManagementUrl)
	run make job-jar OPTIONS="--stage=$stage --aws_region=$region --notifier=api_gateway \
--notify_endpoint=$management --speech_to_text=amazon $translation \
--speech_synthesis=amazon --start=resume --worker_pool=localhost:25000 --parallelism=4 \
--checkpointing_interval=2000 --max_bundle_time_mills=80 --trace_endpoint=http://localhost:4318 --trace_ratio=0.05"
	push job JobRepository --build-arg "FLINK_VERSION=$(sed -n 's/^flink = "\(.*\)"/\1/p' versions.toml)"
	push worker-pool WorkerPoolRepository
	run aws eks update-kubeconfig --name "$(output LiveTranslation ClusterName)"
	run helm upgrade --install flink-kubernetes-operator flink-kubernetes-operator \
		--repo "https://downloads.apache.org/flink/flink-kubernetes-operator-$OPERATOR/" \
		--namespace live-translation --create-namespace --set webhook.create=false --wait
	run "$here/write-overlay.sh" "$stage" "$(output LiveTranslation StateBucket)" \
		"$(output Images JobRepository)" "$(output Images WorkerPoolRepository)"
	run kubectl apply --kustomize "build/kubernetes-$stage"
	run kubectl --namespace live-translation wait flinkdeployment/live-translation --timeout=15m \
		"--for=jsonpath={.status.jobStatus.state}=RUNNING"
}

bring_pages() {
	local files
	files=$(output SessionHttpApi PagesBucket)
	run aws s3 sync ingest_gateway/web/dist "s3://$files" --delete --exclude '*' --include 'assets/*' \
		--cache-control 'public, max-age=31536000, immutable'
	run aws s3 cp ingest_gateway/web/dist "s3://$files" --recursive --exclude 'assets/*' \
		--cache-control no-cache
	run aws cloudfront create-invalidation --distribution-id \
		"$(output SessionHttpApi PagesDistribution)" --paths '/*'
}

# A job reads what gateways of before it write, and not what later ones do: it goes first. What it
# stands on comes with it; the other stacks hold the gateways. A stage's first job comes last, for
# its stream and tables come with the gateways.
if [[ -n $is_there ]]; then
	cdk deploy --require-approval never --exclusively "Network-$stage" "LiveTranslation-$stage"
	bring_job
fi
cdk deploy --require-approval never "${PARTS[@]/%/-$stage}"
bring_pages
[[ -n $is_there ]] || bring_job
run "$here/check-deployment-health.sh" "$stage" --url "$url"
echo "deploy: $stage is at $url"
