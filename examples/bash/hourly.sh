#!/usr/bin/env bash
# Collects what is new since the last complete run, and says by its exit code whether anything is missing. For cron or a systemd timer:
#
#   0 * * * *  ir  IRCOLLECT_CONFIG=/etc/ircollect.toml IRCOLLECT_CASE=/srv/ir/standing /usr/local/lib/ircollect/hourly.sh
#
# An hour that is missed is not lost: --since-last begins where the last complete pull of each source in this case ended.
# Arguments are sources; the default is what changes by the hour.
set -uo pipefail

sources=("$@")
((${#sources[@]})) || sources=(alerts incidents sign-ins directory-audits)

summary=$(ircollect pull "${sources[@]}" --since-last --json --no-progress -q)
code=$?

# One line a job for the log; the case has everything else.
jq -r '.jobs[] | "\(.status)\t\(.rows) rows\t\(.api)/\(.name)\t\(.window.from) to \(.window.to)"' <<<"$summary"
case $code in
  0) exit 0 ;;
  6) jq -r '.jobs[] | select(.status != "complete") | "missing from \(.name): \(.error.message // (.gaps | map(.reason) | join("; ")))"' <<<"$summary" >&2 ;;
  130) echo "interrupted; the next run goes on" >&2 ;;
  *) jq -r '(.error, .jobs[].error) | select(. != null) | "\(.code): \(.message)\n  \(.hint)"' <<<"$summary" >&2 ;;
esac
exit $code
