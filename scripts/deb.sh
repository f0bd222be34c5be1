#!/usr/bin/env bash
# The Debian package of a program.
#
#   scripts/deb.sh PROGRAM [FOLDER]
#
# Writes FOLDER/greenroom_VERSION_ARCHITECTURE.deb (default .build/deb) and prints its path. What the package needs is read from the
# program: the packages of this machine that have the libraries it is linked with. The same program and commit give the same bytes.
# VERSION overrules what the program says. A PROGRAM without --static-swift-stdlib is refused, as it needs this machine's toolchain;
# DYNAMIC=1 packs it all the same, for a test, and COMPRESSION=gzip is sooner done than xz.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# == 1 || $# == 2 ]] || { echo "usage: $0 PROGRAM [FOLDER]" >&2; exit 2; }
[[ -x $1 && ! -d $1 ]] || { echo "$0: no program at $1: make release" >&2; exit 3; }
for tool in dpkg-deb readelf ldd gzip; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is missing: apt-get install dpkg binutils libc-bin gzip" >&2; exit 3; }
done
program=$(realpath "$1") folder=${2:-.build/deb}
libraries=$(ldd "$program")
if grep -q 'libswift' <<<"$libraries" && [[ ${DYNAMIC:-} != 1 ]]; then
    echo "$0: $program needs the libraries of this machine's Swift: build it with make release" >&2
    exit 1
fi

# "0.1.0 (commit 0123456789ab)". A commit isn't in order, so the number of commits before it is named too.
said=$("$program" --version)
commit=$(sed -nE 's/.*\(commit ([0-9a-z-]+)\).*/\1/p' <<<"$said")
number=$(git rev-list --count HEAD 2>/dev/null || echo 0)
version=${VERSION:-${said%% *}+$number.g${commit//-/.}}
architecture=$(dpkg --print-architecture)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y "$program")}

# Whose libraries: each that the program names itself, in the version that it was linked with, or a later one.
needs=
for soname in $(readelf -d "$program" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'); do
    path=$(awk -v name="$soname" '$1 == name {print $3}' <<<"$libraries")
    case $soname in ld-linux*) continue ;; esac
    case $path in /lib/* | /usr/lib/*) ;; *) continue ;; esac
    owner=$(dpkg -S "$path" 2>/dev/null || dpkg -S "$(realpath "$path")" 2>/dev/null || dpkg -S "/usr$path" 2>/dev/null || true)
    [[ $owner ]] || { echo "$0: no package of this machine has $path, so it can't be said what to install" >&2; exit 1; }
    package=${owner%%:*}
    upstream=$(dpkg-query -W -f '${source:Upstream-Version}' "$package:$architecture")
    needs+="$package (>= $upstream)"$'\n'
done
needs=$(sort -u <<<"$needs" | sed '/^$/d' | paste -sd, | sed 's/,/, /g')

root=$(mktemp -d)
chmod 0755 "$root"
trap 'rm -rf "$root"' EXIT
put() { install -D -m "$1" "$2" "$root$3"; }
put 0755 "$program" /usr/bin/greenroom
put 0644 deploy/debian/greenroom.service /usr/lib/systemd/system/greenroom.service
put 0644 deploy/debian/sysusers.conf /usr/lib/sysusers.d/greenroom.conf
put 0644 deploy/debian/greenroom.yaml /etc/greenroom/greenroom.yaml
install -d -m 0755 "$root/etc/greenroom/policies" "$root/usr/share/bash-completion/completions"
"$program" --generate-completion-script bash >"$root/usr/share/bash-completion/completions/greenroom"
for page in docs/*.md; do put 0644 "$page" "/usr/share/doc/greenroom/$(basename "$page")"; done
for file in docs/examples/* dashboards/*; do put 0644 "$file" "/usr/share/doc/greenroom/examples/$(basename "$file")"; done
gzip -9n <CHANGELOG.md >"$root/usr/share/doc/greenroom/changelog.gz"
cat >"$root/usr/share/doc/greenroom/copyright" <<TEXT
Greenroom, version ${said%% *}, commit $commit.

$(sed -n '/^## Licence/,$p' README.md | sed 1d)

The program has parts of other projects inside, each under its own licence:

$(sed -nE 's/.*"location" *: *"(.*)".*/  \1/p' Package.resolved 2>/dev/null)
TEXT
chmod 0644 "$root"/usr/share/doc/greenroom/* "$root"/usr/share/bash-completion/completions/* 2>/dev/null || true
chmod 0755 "$root/usr/share/doc/greenroom/examples"

install -d -m 0755 "$root/DEBIAN"
for script in postinst prerm postrm; do install -m 0755 "deploy/debian/$script" "$root/DEBIAN/$script"; done
echo /etc/greenroom/greenroom.yaml >"$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 0644 "$root"/DEBIAN/{conffiles,md5sums}
size=$(du -k -s --apparent-size --exclude=DEBIAN "$root" | cut -f1)
cat >"$root/DEBIAN/control" <<TEXT
Package: greenroom
Version: $version
Architecture: $architecture
Maintainer: ${MAINTAINER:-$(git log -1 --format='%an <%ae>' 2>/dev/null || echo 'Greenroom <root@localhost>')}
Installed-Size: $size
Depends: $needs, systemd | systemd-standalone-sysusers, init-system-helpers (>= 1.54), ca-certificates, tzdata
Section: net
Priority: optional
Description: autoscaler and placement engine for pools of warm workers
 Greenroom autoscales pools of warm workers and picks the worker that each
 AI-agent session runs on. Agents and workers report what happens to them over
 HTTP. Every report is an event in one log, from which demand, pool sizes and
 placements are computed, and each decision can be explained.
 .
 This package runs the service as the user greenroom, for this machine alone
 until /etc/greenroom/greenroom.yaml says otherwise.
TEXT
chmod 0644 "$root/DEBIAN/control"
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$folder"
file=$folder/greenroom_${version}_$architecture.deb
dpkg-deb --root-owner-group -Z"${COMPRESSION:-xz}" --build "$root" "$file" >/dev/null
echo "$file"
