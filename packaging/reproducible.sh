#!/usr/bin/env bash
# Builds the slim collector twice, in two folders of different names and depths, and compares the binaries byte for byte.
#
#   packaging/reproducible.sh [FEATURES]      (default: none, the slim collector)
#
# Takes as long as two builds. What it cannot show is that another machine gives the same: toolchain and C compiler have to be the same there.
set -euo pipefail
cd "$(dirname "$0")/.."
features=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
home=${CARGO_HOME:-$HOME/.cargo}
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" CARGO_INCREMENTAL=0

for place in one another/folder; do
  mkdir -p "$work/$place"
  git archive HEAD | tar -x -C "$work/$place"
  (
    cd "$work/$place"
    export RUSTFLAGS="--remap-path-prefix=$PWD=/ircollect --remap-path-prefix=$home=/cargo"
    # The C parts (OpenSSL, AWS-LC, SQLite) are told the same.
    export CFLAGS="-ffile-prefix-map=$PWD=/ircollect -ffile-prefix-map=$home=/cargo"
    cargo build --quiet --locked --profile dist --no-default-features ${features:+--features "$features"}
    sha256sum target/dist/ircollect
  )
done
cmp "$work/one/target/dist/ircollect" "$work/another/folder/target/dist/ircollect"
echo 'the two builds are the same, byte for byte'
