#!/usr/bin/env bash
# Accounts with many failed logons, as lines of "count account", from a query on standard input: nothing in it needs quoting.
#
#   failed-logons.sh [FEWEST]
set -euo pipefail

fewest=${1:-20}
ircollect hunt --query - --param "fewest=$fewest" --output - -q "${@:2}" <<'KQL' | jq -r '"\(.Failures)\t\(.AccountName)"' | sort -rn
declare query_parameters(fewest:long);
DeviceLogonEvents
| where ActionType == "LogonFailed"
| summarize Failures = count() by AccountName
| where Failures >= fewest
KQL
