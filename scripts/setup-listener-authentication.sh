#!/usr/bin/env bash
# Let the gateway of a stage give listeners keys for WebRTC channels (again).
#
# usage: setup-listener-authentication.sh STAGE [--check]
#
# Listeners are guests. The gateway takes on one role for them, cut down to one channel. A role names
# whom it trusts by an id: when a Lambda's role was deleted and made anew, the old id stays behind
# and nobody gets keys. This writes the trust anew, from the Lambdas as they are now.
#
#   --check   change nothing
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=checks.sh
source "$here/checks.sh"

[[ $# -ge 1 && $1 != -* ]] || usage
stage=$1
check_only=${2:-}
[[ -z $check_only || $check_only == --check ]] || usage
need aws "install the AWS command line"
need python3 "install Python"

role=live-translation-signaling-$stage
declare -a holders=()
for name in session-websocket session-http; do
	holder=$(aws lambda get-function-configuration --function-name "$name-$stage" \
		--query Role --output text 2> /dev/null || true)
	if [[ $holder == arn:*:role/* ]]; then
		ok "Lambda $name has a role"
		holders+=("$holder")
	else
		bad "Lambda $name-$stage is not there: make deploy STAGE=$stage"
	fi
done
if ! aws iam get-role --role-name "$role" > /dev/null 2>&1; then
	bad "role $role is not there: make deploy STAGE=$stage"
fi
if ((failed)); then
	finish authentication
	exit 1
fi

trusted=$(aws iam get-role --role-name "$role" \
	--query 'Role.AssumeRolePolicyDocument.Statement[].Principal.AWS' --output text |
	tr '\t' '\n' | sort)
wanted=$(printf '%s\n' "${holders[@]}" | sort)
if [[ $trusted == "$wanted" ]]; then
	ok "role $role trusts both"
elif [[ -n $check_only ]]; then
	bad "role $role trusts others: run this without --check"
else
	document=$(python3 -c '
import json, sys
print(json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": sys.argv[1:]},
    }],
}))' "${holders[@]}")
	check "role $role is told whom to trust" \
		aws iam update-assume-role-policy --role-name "$role" --policy-document "$document"
	echo "      IAM takes up to a minute to know it everywhere"
fi
finish authentication
