#!/usr/bin/env bash
# Can a browser open the signaling channel of a session, and reach its TURN servers?
#
# usage: test-kvs-connection.sh URL
#
# Creates a session, asks for keys as a page would, calls the channel's host, and opens a connection
# to each TURN server. SPEAKER_TOKEN as in production-smoke-test.sh. No key is shown.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=checks.sh
source "$here/checks.sh"
need curl "install curl"
need python3 "install Python"

[[ $# -eq 1 && $1 != -* ]] || usage
url=${1%/}
find_token "$url"
call POST "$url/sessions" '{"sourceLanguage": "en", "targetLanguages": ["es"]}' "$token"
is "a session is created" 201 "$status"
session=$(field sessionId <<< "$body")
if [[ -z $session ]]; then
	echo "      $(field code <<< "$body") $(field message <<< "$body")"
	finish kvs
	exit 1
fi
trap 'call DELETE "$url/sessions/$session" "" "$token"' EXIT
is "it has a channel of its own" "session-$session" "$(field kvsChannelName <<< "$body")"

call POST "$url/sessions/$session/signaling-keys" '{}' "$token"
is "its speaker is the master" "201 MASTER" "$status $(field role <<< "$body")"
call POST "$url/sessions/$session/signaling-keys" '{}'
is "a guest is a viewer" "201 VIEWER" "$status $(field role <<< "$body")"

endpoint=$(field channelEndpoint <<< "$body")
host=${endpoint#wss://}
# Without a signature it refuses: that it answers over TLS is what counts.
answer=$(curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' \
	"https://${host%/}/" || true)
if [[ $answer == 000 || -z $answer ]]; then
	bad "the channel's host answers: $host"
else
	ok "the channel's host answers: $host"
fi

turns=$(field iceServers <<< "$body" | python3 -c '
import json, re, sys
for server in json.load(sys.stdin or "[]"):
    for url in server["urls"]:
        found = re.match(r"turns?:([^:?]+):(\d+)", url)
        if found:
            print(found[1], found[2])
' 2> /dev/null | sort -u || true)
if [[ -z $turns ]]; then bad "the channel has TURN servers"; else
	ok "the channel has TURN servers"
	while read -r name port; do
		check "TURN $name:$port can be reached by TCP" \
			timeout 10 bash -c "exec 3<> /dev/tcp/$name/$port"
	done <<< "$turns"
fi
finish kvs
