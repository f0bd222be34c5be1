#!/usr/bin/env bash
# Makes sure that what the build needs is there: a Swift 6.3 toolchain and the SQLite headers.
# Installs the headers where that is allowed (root, or sudo without a password); else says the one command.
set -euo pipefail

if ! command -v swift >/dev/null; then
    echo "setup: no swift on PATH: install Swift 6.3 or newer from https://www.swift.org/install/linux" >&2
    exit 3
fi

have_sqlite() { printf '#include <sqlite3.h>\n' | ${CC:-clang} -E -x c - >/dev/null 2>&1 || [ -e /usr/include/sqlite3.h ]; }

have_sqlite && exit 0
install="apt-get install -y libsqlite3-dev"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive $install
elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then
    sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive $install
else
    echo "setup: the SQLite headers are missing: run  sudo $install" >&2
    exit 3
fi
