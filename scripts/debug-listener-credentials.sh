#!/usr/bin/env bash
# Why does a listener not get into a session's WebRTC channel? Looks at the keys it is given.
#
# usage: debug-listener-credentials.sh URL SESSION
#
# Asks as a guest does. Shows whose keys they are and until when, never the keys. With the AWS
# command line it also shows that they open nothing but the channel.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=checks.sh
source "$here/checks.sh"
need curl "install curl"
need python3 "install Python"

[[ $# -eq 2 && $1 != -* ]] || usage
url=${1%/}
session=$2
call POST "$url/sessions/$session/signaling-keys" '{}'
case $status in
	201) ok "keys are given" ;;
	404) bad "no such session: $session" ;;
	409) bad "the session has ended, or has no channel" ;;
	429) bad "asked too often from this address: wait a minute" ;;
	503) bad "AWS refused or did not answer: run-book, trouble 1" ;;
	*) bad "keys are given: HTTP $status $(field code <<< "$body")" ;;
esac
if [[ $status != 201 ]]; then
	echo "      $(field code <<< "$body") $(field message <<< "$body")"
	finish credentials
	exit 1
fi
is "they are a viewer's" VIEWER "$(field role <<< "$body")"
expires_ms=$(field expiration <<< "$body")
left_s=$(((${expires_ms/null/0} - $(date +%s%3N)) / 1000))
if ((left_s > 0)); then ok "they last for $left_s s more"; else bad "they are over since $((-left_s)) s: is a clock wrong?"; fi

if command -v aws > /dev/null; then
	AWS_ACCESS_KEY_ID=$(field accessKeyId <<< "$body")
	AWS_SECRET_ACCESS_KEY=$(field secretAccessKey <<< "$body")
	AWS_SESSION_TOKEN=$(field sessionToken <<< "$body")
	AWS_REGION=$(field region <<< "$body")
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION
	who=$(aws sts get-caller-identity --query Arn --output text 2> /dev/null || true)
	if [[ $who == *:assumed-role/live-translation-signaling-* ]]; then
		ok "they are the signaling role's"
	else
		bad "they are the signaling role's: ${who:-AWS does not know them yet: run-book, trouble 1}"
	fi
	channel=$(field channelArn <<< "$body")
	if aws kinesisvideo delete-signaling-channel --channel-arn "$channel" --current-version none \
		> /dev/null 2>&1; then
		bad "they open the channel and nothing else: it could be DELETED"
	else
		ok "they open the channel and nothing else"
	fi
fi
finish credentials
