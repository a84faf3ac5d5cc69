#!/usr/bin/env bash
# Builds what is shipped for one target, full and slim, and puts archives into a folder.
#
#   packaging/build.sh TARGET FOLDER
#
# The archive has the binary, man pages, completions, licence and README in a folder of its own. Its bytes depend on the commit alone: paths of the
# machine are taken out of the binary, entries are sorted, and times are the commit's.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
out=$2
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
mkdir -p "$out"
out=$(cd "$out" && pwd)

export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
export CARGO_INCREMENTAL=0
home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=/ircollect --remap-path-prefix=$home=/cargo"
case $target in *-windows-*) exe=.exe ;; *) exe= ;; esac

pack() { # name, folder
  local stage="$out/.stage/$1"
  rm -rf "$stage" && mkdir -p "$stage"
  cp "$2/ircollect$exe" README.md LICENSE CHANGELOG.md "$stage/"
  if "$stage/ircollect$exe" --version >/dev/null 2>&1; then
    "$stage/ircollect$exe" -q man --output "$stage/man"
    mkdir -p "$stage/completions"
    for shell in bash elvish fish powershell zsh; do "$stage/ircollect$exe" completions "$shell" >"$stage/completions/ircollect.$shell"; done
  fi
  case $target in
    *-windows-*) (cd "$out/.stage" && 7z a -tzip -mtm- "$out/$1.zip" "$1" >/dev/null) ;;
    *-apple-*) (cd "$out/.stage" && tar -czf "$out/$1.tar.gz" "$1") ;;
    *) (cd "$out/.stage" && tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$1" | gzip -9n >"$out/$1.tar.gz") ;;
  esac
  rm -rf "$out/.stage"
}

cargo build --locked --profile dist --target "$target" --no-default-features
bash packaging/sizes.sh slim "target/$target/dist/ircollect$exe"
pack "ircollect-slim-$version-$target" "target/$target/dist"
cargo build --locked --profile dist --target "$target"
bash packaging/sizes.sh full "target/$target/dist/ircollect$exe"
pack "ircollect-$version-$target" "target/$target/dist"
