#!/bin/sh
# The job of a container that is started by a schedule (Azure Container Apps job, Kubernetes CronJob) and ends.
#
# The case lies on a volume, so that --since-last and --resume find what was stored. Who it is: the managed identity of the job, or a
# workload identity; the profile in the mounted configuration says which. Nothing secret is in the image or in a variable.
#
#   IRCOLLECT_CONFIG  /config/ircollect.toml
#   IRCOLLECT_CASE    /case
#   IR_SOURCES        what to pull
#   IR_PACK           a folder of queries on a volume, if any
set -u
: "${IRCOLLECT_CONFIG:=/config/ircollect.toml}" "${IRCOLLECT_CASE:=/case}" "${IR_SOURCES:=alerts incidents sign-ins}"
export IRCOLLECT_CONFIG IRCOLLECT_CASE

worst=0
# shellcheck disable=SC2086 # the sources are words
ircollect pull $IR_SOURCES --since-last --json --no-progress --log-format json || worst=$?
if [ -n "${IR_PACK:-}" ]; then
  ircollect hunt --pack "$IR_PACK" --last 25h --json --no-progress --log-format json || worst=$?
fi
ircollect case verify -q || worst=$?
exit "$worst"
