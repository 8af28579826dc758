#!/usr/bin/env bash
# Is everything of a stage there and well? One line each; exit code 1 if something is not.
#
# usage: check-deployment-health.sh STAGE [--url URL]
#
#   --url   of the pages; without it, what the stack SessionHttpApi says
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=checks.sh
source "$here/checks.sh"

[[ $# -ge 1 && $1 != -* ]] || usage
stage=$1
url=
[[ ${2:-} == --url ]] && url=${3:?--url needs an address}
need aws "install the AWS command line"
need curl "install curl"

# ask QUERY COMMAND...: what AWS says, nothing if it refuses.
ask() {
	local query=$1
	shift
	aws "$@" --query "$query" --output text 2> /dev/null || true
}

for stack in Network Images SessionManagement SessionHttpApi KVSWebRTC LiveTranslation Operations; do
	state=$(ask 'Stacks[0].StackStatus' cloudformation describe-stacks --stack-name "$stack-$stage")
	case $state in
		CREATE_COMPLETE | UPDATE_COMPLETE) ok "stack $stack" ;;
		*) bad "stack $stack: ${state:-not there}" ;;
	esac
done

for stream in "audio-ingestion-$stage" "dead-letters-$stage"; do
	is "stream $stream" "ACTIVE KMS" "$(ask \
		'StreamDescriptionSummary.[StreamStatus, EncryptionType]' \
		kinesis describe-stream-summary --stream-name "$stream" | tr '\t' ' ')"
done
for table in Sessions Connections RateLimits Utterances ListenerCounts Positions Rooms; do
	is "table $table" ACTIVE \
		"$(ask Table.TableStatus dynamodb describe-table --table-name "$table-$stage")"
done
for bucket in "translation-audio-$stage" "low-latency-audio-$stage"; do
	is "bucket $bucket is closed to the public" True "$(ask \
		PublicAccessBlockConfiguration.RestrictPublicBuckets \
		s3api get-public-access-block --bucket "$bucket")"
done
for name in session-authorizer session-websocket session-http session-sweeper session-relay clip-meter; do
	is "Lambda $name" Active \
		"$(ask Configuration.State lambda get-function --function-name "$name-$stage")"
done

is "cluster" ACTIVE "$(ask cluster.status eks describe-cluster --name "live-translation-$stage")"
is "WebRTC worker runs once" 1 "$(ask 'services[0].runningCount' ecs describe-services \
	--cluster "webrtc-$stage" --services "$(ask 'serviceArns[0]' ecs list-services \
		--cluster "webrtc-$stage")")"
if command -v kubectl > /dev/null; then
	is "Flink job" "STABLE RUNNING" "$(kubectl --namespace live-translation get flinkdeployment \
		--output jsonpath='{.items[0].status.lifecycleState} {.items[0].status.jobStatus.state}' \
		2> /dev/null || true)"
fi

ringing=$(ask '[MetricAlarms, CompositeAlarms][].AlarmName' cloudwatch describe-alarms \
	--state-value ALARM --alarm-types MetricAlarm CompositeAlarm \
	--alarm-name-prefix "live-translation-$stage-")
if [[ -z $ringing || $ringing == None ]]; then ok "no alarm rings"; else bad "alarms: $ringing"; fi

[[ -n $url ]] || url=$(ask "Stacks[0].Outputs[?OutputKey=='PagesUrl'].OutputValue" \
	cloudformation describe-stacks --stack-name "SessionHttpApi-$stage")
call GET "${url%/}/healthz"
is "the gateway answers at ${url:-no address}" 200 "$status"
finish health
