#!/usr/bin/env bash
# Does a gateway do its work? Creates a session, looks at it, ends it.
#
# usage: production-smoke-test.sh URL [--talk FILE.wav --language es]
#
#   URL      https://... of the pages, or http://127.0.0.1:8080 of `make live`
#   --talk   also speak this file (16 kHz, mono) and hear it in a language: the whole way, job included
#
# SPEAKER_TOKEN in the environment: a speaker's token. Without one the gateway's own issuer is
# asked, which local gateways have.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=checks.sh
source "$here/checks.sh"
need curl "install curl"
need python3 "install Python"

[[ $# -ge 1 && $1 != -* ]] || usage
url=${1%/}
shift
talk=
language=es
while (($#)); do
	case $1 in
		--talk) talk=${2:?--talk needs a file} ;;
		--language) language=${2:?--language needs one} ;;
		*) usage ;;
	esac
	shift 2
done

call GET "$url/healthz"
is "the gateway answers" "200 ok" "$status $(field status <<< "$body")"
if [[ $status == 000 ]]; then
	finish smoke
	exit 1
fi

call GET "$url/"
is "the speaker's page is there" 200 "$status"
call GET "$url/listen/nobody-speaks-here"
is "the listener's page is there" 200 "$status"
call GET "$url/offer"
is "it offers languages" 200 "$status"

wish="{\"sourceLanguage\": \"en\", \"targetLanguages\": [\"$language\"]}"
call POST "$url/sessions" "$wish"
is "a stranger creates no session" 401 "$status"
call GET "$url/sessions/nobody-speaks-here"
is "a session that never was is not found" 404 "$status"

find_token "$url"
if [[ -z $token ]]; then
	bad "no token: set SPEAKER_TOKEN"
	finish smoke
	exit 1
fi

call POST "$url/sessions" "$wish" "$token"
is "a speaker creates a session" 201 "$status"
session=$(field sessionId <<< "$body")
if [[ -z $session ]]; then
	echo "      $(field code <<< "$body") $(field message <<< "$body")"
	finish smoke
	exit 1
fi
end_session() { call DELETE "$url/sessions/$session" "" "$token"; }
trap end_session EXIT

call GET "$url/sessions/$session"
is "everybody can look it up" "200 active" "$status $(field status <<< "$body")"

if [[ -n $talk ]]; then
	python=$here/../.venv/bin/python
	[[ -x $python ]] || python=python3
	talk=$(realpath "$talk")
	heard=$(mktemp)
	(cd "$here/.." && "$python" -m ingest_gateway.client listen "$session" \
		--language "$language" --url "$url" > "$heard") &
	listener=$!
	speak() {
		(cd "$here/.." && "$python" -m ingest_gateway.client speak "$talk" \
			--session "$session" --url "$url" --token "$token")
	}
	check "a talk is acknowledged" speak
	wait "$listener" || true
	clips=$(sed -n 's/^heard: \([0-9]*\) clips.*/\1/p' "$heard")
	rm -f "$heard"
	if ((${clips:-0} > 0)); then ok "it is heard in $language: $clips clips"; else bad "it is heard in $language"; fi
fi

end_session
trap - EXIT
is "the speaker ends it" 200 "$status"
call GET "$url/sessions/$session"
is "it has ended" ended "$(field status <<< "$body")"
finish smoke
