#!/usr/bin/env bash
# Makes a Debian package of a binary that packaging/build.sh (or `cargo build --release`) built.
#
#   packaging/debian/build.sh OUTPUT-FOLDER [BINARY]
#
# No helper is needed but dpkg-deb. The binary brings OpenSSL, SQLite and the rest with it and needs libc alone.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -1)
architecture=$(dpkg --print-architecture)
case $architecture in
  amd64) target=x86_64-unknown-linux-gnu ;;
  arm64) target=aarch64-unknown-linux-gnu ;;
  *) target=none ;;
esac
mkdir -p "$1"
out=$(cd "$1" && pwd)
binary=${2:-$root/target/$target/dist/ircollect}
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
install -D -m 755 "$binary" "$stage/usr/bin/ircollect"
install -D -m 644 "$root/LICENSE" "$stage/usr/share/doc/ircollect/copyright"
install -D -m 644 "$root/README.md" "$stage/usr/share/doc/ircollect/README.md"
gzip -9nc "$root/CHANGELOG.md" | install -D -m 644 /dev/stdin "$stage/usr/share/doc/ircollect/changelog.gz"
mkdir -p "$stage/usr/share/doc/ircollect/examples"
(cd "$root/examples" && cp -r packs queries plans "$stage/usr/share/doc/ircollect/examples/")
"$binary" -q man --output "$stage/usr/share/man/man1"
gzip -9n "$stage"/usr/share/man/man1/*.1
"$binary" completions bash | install -D -m 644 /dev/stdin "$stage/usr/share/bash-completion/completions/ircollect"
"$binary" completions zsh | install -D -m 644 /dev/stdin "$stage/usr/share/zsh/vendor-completions/_ircollect"
"$binary" completions fish | install -D -m 644 /dev/stdin "$stage/usr/share/fish/vendor_completions.d/ircollect.fish"
find "$stage" -type d -exec chmod 755 {} + -o -type f ! -path '*/bin/*' -exec chmod 644 {} +

mkdir "$stage/DEBIAN"
cat >"$stage/DEBIAN/control" <<CONTROL
Package: ircollect
Version: $version-1
Section: admin
Priority: optional
Architecture: $architecture
Depends: libc6 (>= 2.35)
Recommends: ca-certificates
Suggests: jq
Installed-Size: $(du -sk --exclude=DEBIAN "$stage" | cut -f1)
Maintainer: ircollect contributors <ircollect@localhost>
Description: incident-response collector for Microsoft security data
 Pulls alerts, incidents and raw events out of Microsoft Graph, Defender XDR
 and Defender for Endpoint, whole and as evidence: advanced hunting past the
 caps of the APIs, a hash-chained journal, and a simulated tenant to try it on.
CONTROL
dpkg-deb --root-owner-group --build "$stage" "$out/ircollect_$version-1_$architecture.deb" >/dev/null
echo "$out/ircollect_$version-1_$architecture.deb"
