#!/usr/bin/env bash
# Makes sure that what the build needs is there: a Swift 6.3 toolchain and the SQLite headers; for a release also libxml2, which
# Swift's static libraries are linked with. Installs them where that is allowed (root, or sudo without a password); else says the
# one command.
#
#   scripts/setup.sh [release]
set -euo pipefail

if ! command -v swift >/dev/null; then
    echo "setup: no swift on PATH: install Swift 6.3 or newer from https://www.swift.org/install/linux" >&2
    exit 3
fi

CC=${CC:-clang}
have_sqlite() { printf '#include <sqlite3.h>\n' | "$CC" -E -x c - >/dev/null 2>&1 || [ -e /usr/include/sqlite3.h ]; }
have_xml2() { printf 'int main(void) { return 0; }\n' | "$CC" -x c - -lxml2 -o /dev/null >/dev/null 2>&1; }

missing=
have_sqlite || missing+=" libsqlite3-dev"
if [ "${1:-}" = release ]; then have_xml2 || missing+=" libxml2-dev"; fi
[ "$missing" ] || exit 0
install="apt-get install -y$missing"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install
elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then
    sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive $install
else
    echo "setup: missing for the build:$missing: run  sudo $install" >&2
    exit 3
fi
