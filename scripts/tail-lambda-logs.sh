#!/usr/bin/env bash
# What the Lambdas of a stage write.
#
# usage: tail-lambda-logs.sh STAGE [NAME] [--since 10m] [--follow] [--errors]
#
#   NAME      session-authorizer, session-websocket, session-http, session-sweeper, session-relay,
#             clip-meter; all of them when none is named
#   --follow  go on until Ctrl-C (one NAME only)
#   --errors  only lines about errors, timeouts and refused calls
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=checks.sh
source "$here/checks.sh"

functions=(session-authorizer session-websocket session-http session-sweeper session-relay clip-meter)
[[ $# -ge 1 && $1 != -* ]] || usage
stage=$1
shift
since=10m
declare -a options=() wanted=()
while (($#)); do
	case $1 in
		--since)
			since=${2:?--since needs a time such as 10m}
			shift
			;;
		--follow) options+=(--follow) ;;
		--errors) options+=(--filter-pattern '?ERROR ?WARNING ?Task ?Throttl') ;;
		-*) usage ;;
		*)
			[[ " ${functions[*]} " == *" $1 "* ]] || usage
			wanted+=("$1")
			;;
	esac
	shift
done
need aws "install the AWS command line"
((${#wanted[@]})) || wanted=("${functions[@]}")
if [[ " ${options[*]} " == *" --follow "* && ${#wanted[@]} -ne 1 ]]; then
	echo "tail-lambda-logs.sh: name one Lambda to follow" >&2
	exit 2
fi
for name in "${wanted[@]}"; do
	echo "== $name"
	aws logs tail "/aws/lambda/$name-$stage" --since "$since" --format short "${options[@]}"
done
