#!/usr/bin/env bash
# Fills the manifests of package managers in with version, address and checksums.
#
#   packaging/manifests.sh VERSION REPOSITORY-URL FOLDER-WITH-ARCHIVES OUTPUT-FOLDER
set -euo pipefail
cd "$(dirname "$0")"
version=$1
repository=$2
archives=$(cd "$OLDPWD" && cd "$3" && pwd)
out=$(cd "$OLDPWD" && mkdir -p "$4" && cd "$4" && pwd)

sum() { sha256sum "$archives/$1" | cut -d' ' -f1; }
upper() { tr '[:lower:]' '[:upper:]'; }
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%F)
linux=$(sum "ircollect-$version-x86_64-unknown-linux-musl.tar.gz")
linux_arm=$(sum "ircollect-$version-aarch64-unknown-linux-musl.tar.gz")
mac=$(sum "ircollect-$version-x86_64-apple-darwin.tar.gz")
mac_arm=$(sum "ircollect-$version-aarch64-apple-darwin.tar.gz")
windows=$(sum "ircollect-$version-x86_64-pc-windows-msvc.zip")
for file in homebrew/ircollect.rb scoop/ircollect.json winget/ircollect.yaml winget/ircollect.installer.yaml winget/ircollect.locale.en-US.yaml; do
  sed -e "s|@VERSION@|$version|g" -e "s|@REPOSITORY@|$repository|g" -e "s|@DATE@|$date|g" \
    -e "s|@LINUX_X86_64@|$linux|g" -e "s|@LINUX_AARCH64@|$linux_arm|g" -e "s|@MACOS_X86_64@|$mac|g" -e "s|@MACOS_AARCH64@|$mac_arm|g" \
    -e "s|@WINDOWS_X86_64@|$windows|g" -e "s|@WINDOWS_X86_64_UPPER@|$(upper <<<"$windows")|g" "$file" >"$out/$(basename "$file")"
done
if grep -l '@[A-Z_0-9]*@' "$out"/ircollect*.{rb,json,yaml}; then
  echo 'these still have something to fill in' >&2
  exit 1
fi
