#!/usr/bin/env bash
# Holds the size of a binary to packaging/sizes.tsv: a release that is fatter than that is a decision, not an accident.
#
#   packaging/sizes.sh full|slim BINARY
set -euo pipefail
most=$(awk -v kind="$1" '$1 == kind { print $2 }' "$(dirname "$0")/sizes.tsv")
bytes=$(wc -c <"$2" | tr -d ' ')
printf '%s: %s bytes, at most %s\n' "$1" "$bytes" "$most"
[ -n "$most" ] && [ "$bytes" -le "$most" ]
