#!/usr/bin/env bash
# Bring a stage to AWS, or bring it up to date. `make deploy STAGE=dev` prepares what this takes.
#
# usage: deploy.sh STAGE
#
# Environment: OPERATORS_CIDR (from where kubectl and helm come, this machine among them, such as
# 203.0.113.7/32; vpc: from inside the cluster's network alone), OPERATORS_ROLE (the role or user that they
# come as; by default who runs this), ALARM_EMAIL, MONTHLY_DOLLARS, AWS_REGION, BEDROCK_MODEL (which
# translates in place of Amazon Translate), JOB_OPTIONS (more of pipelines.main, such as
# --transcribe_streams=100), and DRY_RUN=1 to print the commands instead of running them (UPGRADE=1: as for
# a stage that is there). What is not given again the next time is not kept.
# Needs: aws (with credentials), docker, kubectl, helm, and npx for the CDK's command line.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
# shellcheck source=checks.sh
source "$here/checks.sh"

CDK=aws-cdk@2
PARTS=(Network SessionManagement SessionHttpApi KVSWebRTC LiveTranslation)

[[ $# -eq 1 && $1 =~ ^[a-z][a-z0-9-]{1,19}$ ]] || usage
stage=$1
region=${AWS_REGION:-us-east-1}
export AWS_REGION=$region
app="$root/.cache/cdk-venv/bin/python -m infrastructure.app"
context=(-c "stages=$stage" -c "region=$region" -c code=build/lambda)
[[ -n ${ALARM_EMAIL:-} ]] && context+=(-c "alarmEmail=$ALARM_EMAIL")
operators_cidr=${OPERATORS_CIDR:-${DRY_RUN:+vpc}}
if [[ -z $operators_cidr ]]; then
	echo "deploy.sh: OPERATORS_CIDR is not set: from where do kubectl and helm reach the cluster? Name this" \
		"machine's address as the internet sees it, such as OPERATORS_CIDR=203.0.113.7/32, or" \
		"OPERATORS_CIDR=vpc if it is inside the cluster's network" >&2
	exit 2
fi
[[ $operators_cidr == vpc ]] || context+=(-c "operatorsCidr=$operators_cidr")
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

version() {
	sed -n "s/^$1 = \"\(.*\)\"/\1/p" versions.toml
}

# Who runs this, as IAM names a role or user: a session of a role is none.
caller() {
	local arn
	arn=$(aws sts get-caller-identity --query Arn --output text)
	if [[ $arn == *:assumed-role/* ]]; then
		arn=${arn#*:assumed-role/}
		aws iam get-role --role-name "${arn%%/*}" --query Role.Arn --output text
	else
		echo "$arn"
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
# CloudFormation makes the cluster, so nobody else would be let in.
operators_role=${OPERATORS_ROLE:-}
[[ -n $operators_role || -n ${DRY_RUN:-} ]] || operators_role=$(caller)
context+=(-c "operatorsRole=${operators_role:-arn:aws:iam::111122223333:role/operators}")

cdk bootstrap
cdk deploy --require-approval never "Images-$stage"

registry=$(output Images GatewayRepository)
if [[ -n ${DRY_RUN:-} ]]; then
	echo "+ aws ecr get-login-password | docker login ${registry%%/*}"
else
	aws ecr get-login-password | docker login --username AWS --password-stdin "${registry%%/*}"
fi
# push IMAGE OUTPUT OPTION...: sets $repository and $digest. What runs an image is told of it by its digest:
# a tag stays the same, so that nothing would change.
push() {
	local image=$1
	repository=$(output Images "$2")
	shift 2
	run docker build --platform linux/amd64 --file "docker/$image/Dockerfile" --tag "$repository:$stage" "$@" .
	run docker push "$repository:$stage"
	digest=sha256:$(printf '0%.0s' {1..64})
	[[ -n ${DRY_RUN:-} ]] || digest=$(aws ecr describe-images --repository-name "${repository#*/}" \
		--image-ids "imageTag=$stage" --query 'imageDetails[0].imageDigest' --output text)
}
push gateway GatewayRepository
context+=(-c "gatewayImage=$digest")

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
	local management job worker_pool generation
	local -a until=(kubectl --namespace live-translation wait flinkdeployment/live-translation --timeout=15m)
	management=$(output SessionManagement ManagementUrl)
	run make job-jar OPTIONS="--stage=$stage --aws_region=$region --notifier=api_gateway \
--notify_endpoint=$management --speech_to_text=amazon $translation \
--speech_synthesis=amazon --start=resume --worker_pool=localhost:25000 --parallelism=4 \
--checkpointing_interval=2000 --max_bundle_time_mills=80 --trace_endpoint=http://localhost:4318 --trace_ratio=0.05${JOB_OPTIONS:+ $JOB_OPTIONS}"
	push job JobRepository --build-arg "FLINK_VERSION=$(version flink)"
	job=$repository@$digest
	push worker-pool WorkerPoolRepository
	worker_pool=$repository@$digest
	run aws eks update-kubeconfig --name "$(output LiveTranslation ClusterName)"
	run helm upgrade --install flink-kubernetes-operator flink-kubernetes-operator \
		--repo "https://archive.apache.org/dist/flink/flink-kubernetes-operator-$(version flink_operator)/" \
		--namespace live-translation --create-namespace --set webhook.create=false --wait
	run "$here/write-overlay.sh" "$stage" "$(output LiveTranslation StateBucket)" \
		"$job" "$worker_pool"
	run kubectl apply --kustomize "build/kubernetes-$stage"
	# Not the job of before: the operator has seen this version, and what it made of it runs.
	generation="(its generation)"
	[[ -n ${DRY_RUN:-} ]] || generation=$(kubectl --namespace live-translation get \
		flinkdeployment/live-translation "--output=jsonpath={.metadata.generation}")
	run "${until[@]}" "--for=jsonpath={.status.observedGeneration}=$generation"
	run "${until[@]}" "--for=jsonpath={.status.lifecycleState}=STABLE"
	run "${until[@]}" "--for=jsonpath={.status.jobStatus.state}=RUNNING"
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
# The alarms come last: that no job writes checkpoints would ring before there is one.
cdk deploy --require-approval never "Operations-$stage"
run "$here/check-deployment-health.sh" "$stage" --url "$url"
echo "deploy: $stage is at $url"
