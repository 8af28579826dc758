# Sourced by the other scripts: checks that are counted, one line each, and small tools.
# shellcheck shell=bash

passed=0
failed=0

ok() {
	passed=$((passed + 1))
	echo "ok    $*"
}

bad() {
	failed=$((failed + 1))
	echo "BAD   $*"
}

# check TEXT COMMAND...: whether the command succeeds.
check() {
	local text=$1
	shift
	if "$@" > /dev/null 2>&1; then ok "$text"; else bad "$text"; fi
}

# is TEXT WANTED FOUND
is() {
	if [[ $2 == "$3" ]]; then ok "$1"; else bad "$1: wanted $2, found ${3:-nothing}"; fi
}

# finish NAME: the last line, and the exit code.
finish() {
	echo "$1: $passed of $((passed + failed)) checks passed"
	((failed == 0))
}

need() {
	command -v "$1" > /dev/null || {
		echo "$(basename "$0"): $1 is missing: $2" >&2
		exit 2
	}
}

usage() {
	# The comment at the top of the script that was started.
	awk 'NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0" >&2
	exit 2
}

# field NAME...: of the JSON object on stdin; nothing if it is not there.
field() {
	python3 -c '
import json, sys
try:
    found = json.load(sys.stdin)
    for name in sys.argv[1:]:
        found = found[int(name)] if isinstance(found, list) else found[name]
    print(found if isinstance(found, str) else json.dumps(found))
except (ValueError, KeyError, IndexError, TypeError):
    pass
' "$@"
}

# sets $token to SPEAKER_TOKEN, or to one of the gateway's own issuer; empty if there is neither.
find_token() {
	token=${SPEAKER_TOKEN:-}
	if [[ -z $token ]]; then
		call POST "$1/tokens" '{}'
		token=$(field token <<< "$body")
	fi
}

# call METHOD URL [JSON] [TOKEN]: sets $status and $body. Status 000: nobody answered.
call() {
	local method=$1 url=$2 data=${3:-} token=${4:-}
	local -a with=(--silent --show-error --max-time 20 --request "$method")
	[[ -n $data ]] && with+=(--header 'content-type: application/json' --data "$data")
	# From a file descriptor: what stands on a command line is seen by everybody on the machine.
	local answer
	answer=$(
		curl "${with[@]}" --write-out '\n%{http_code}' --config <(
			[[ -n $token ]] && echo "header = \"authorization: Bearer $token\""
		) "$url" 2> /dev/null
	) || true
	status=${answer##*$'\n'}
	# shellcheck disable=SC2034 # it is the caller's
	body=${answer%$'\n'*}
	[[ -n $status ]] || status=000
}
