#!/usr/bin/env bash
# The Debian package, installed and tried in a Debian of its own.
#
#   scripts/deb-root.sh FOLDER PROGRAM
#
# Makes the package of PROGRAM, and FOLDER/root: a minimal Debian with what the package depends on and nothing else (debootstrap). There
# it is installed, upgraded, removed and purged. Its unit is verified, and its service run as the unit says: under the root's own systemd
# in namespaces of its own where this machine allows it, else by its user and command alone. A PROGRAM that isn't linked with
# --static-swift-stdlib gets Swift's libraries beside it, and that is said. One line a check; exits 0 where all hold.
# Needs root, debootstrap, systemd-analyze, curl.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# == 2 ]] || { echo "usage: $0 FOLDER PROGRAM" >&2; exit 2; }
[[ $(id -u) == 0 ]] || { echo "$0: needs root, for chroot and namespaces: run it with sudo" >&2; exit 2; }
for tool in debootstrap systemd-analyze unshare nsenter curl strip; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is missing: apt-get install debootstrap systemd util-linux curl binutils" >&2; exit 3; }
done
mkdir -p "$1"
folder=$(realpath "$1") program=$(realpath "$2")
root=$folder/root wrong=0 booted=

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$folder/output" 2>&1; then echo "ok       $name"; else
        echo "WRONG    $name: $(tail -c 600 "$folder/output" | tr '\n' ' ')"
        wrong=1
    fi
}

# --- The package, and a Debian with what it names -------------------------------------------------------------------------

rm -rf "$folder/debs"
libraries=$(ldd "$program" | awk '$3 ~ /^\// && $3 !~ /^\/(usr\/)?lib/ {print $3}')
packed=$folder/program
strip -o "$packed" "$program"
pack() { DYNAMIC=1 COMPRESSION=none scripts/deb.sh "$packed" "$folder/debs"; }
first=$(VERSION=1.0 pack) second=$(VERSION=2.0 pack)
needs=$(dpkg-deb -f "$first" Depends | tr ',' '\n' | sed -E 's/\|.*//; s/\(.*//; s/[[:space:]]//g' | sed '/^libc6$/d' | paste -sd,)
# Swift's own libraries need these; the release has what needs them inside.
[[ $libraries ]] && needs+=,libxml2
release=$(sed -nE 's/^FROM debian:([a-z]+)-slim$/\1/p' Dockerfile)
if [[ ! -e $folder/laid-out || $(<"$folder/laid-out") != "$release $needs" ]]; then
    rm -rf "$root"
    debootstrap --variant=minbase --include="$needs" "$release" "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$folder/debootstrap.log" \
        || { tail -3 "$folder/debootstrap.log" >&2; exit 3; }
    echo "$release $needs" >"$folder/laid-out"
fi
for library in $libraries; do install -D -m 0644 "$library" "$root$library"; done
if [[ $libraries ]]; then echo "note     $program needs $(wc -w <<<"$libraries") libraries of Swift's, which were copied; a release has them inside"; fi

inside() { unshare --mount --pid --fork --kill-child=KILL bash -c 'mount -t proc proc "$1/proc" && shift && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$@"' _ "$root" "$root" "$@"; }
clean() {
    inside dpkg --purge greenroom >/dev/null 2>&1 || true
    rm -rf "$root/var/lib/greenroom" "$root/etc/greenroom" "$root/etc/default/greenroom" "$root/debs"
}
clean
install -D -m 0644 -t "$root/debs" "$first" "$second"
installs() { inside dpkg -i "/debs/$(basename "$1")"; }
unit=/usr/lib/systemd/system/greenroom.service

# --- What is in it ------------------------------------------------------------------------------------------------------

owned() { ! dpkg-deb -c "$first" | awk '$2 != "root/root" || ($1 ~ /^d/ && $1 != "drwxr-xr-x") || ($1 ~ /^-/ && $1 !~ /^-rw[x-]r-[x-]r-[x-]$/)' | grep .; }
same() { COMPRESSION=none DYNAMIC=1 VERSION=1.0 scripts/deb.sh "$packed" "$folder/again" >/dev/null && cmp "$first" "$folder/again/$(basename "$first")"; }
sized() { awk -v has="$(dpkg-deb -f "$first" Installed-Size)" -v is="$(du -k -s --apparent-size "$packed" | cut -f1)" 'BEGIN {exit !(has >= is && has < is + 4096)}'; }
scripts_parse() { local name; for name in postinst prerm postrm; do bash -n "deploy/debian/$name" && [[ -x deploy/debian/$name ]] && grep -q '^set -e$' "deploy/debian/$name" || return 1; done; }
# What lintian would say of names, lines and folders, without lintian.
named() {
    dpkg-deb -f "$first" Description | awk 'NR == 1 && (length > 80 || /^(A|An|The) / || /\.$/) {bad = 1} length > 80 {bad = 1} END {exit bad}' \
        && ! dpkg-deb -c "$first" | awk '{print $6}' | grep -E '^\./(usr/local|var/run|tmp|opt|bin|lib)/' && dpkg-deb -c "$first" | grep '/usr/share/doc/greenroom/copyright$'
}
check "every file is root's, and only root writes it" owned
check "its names, lines and folders are as Debian wants them" named
check "its size is said" sized
check "its scripts parse and end at the first fault" scripts_parse
check "the same program gives the same bytes" same

# --- Installed ------------------------------------------------------------------------------------------------------------

check "it installs on a minimal Debian with what it names" installs "$first"
check "dpkg finds nothing half done" bash -c "[[ ! \$(chroot '$root' dpkg --audit) ]]"
check "its files are as they were packed" inside dpkg --verify greenroom
check "every library is there" bash -c "! chroot '$root' ldd /usr/bin/greenroom | grep 'not found'"
check "it has a user who can't log in" inside sh -c 'getent passwd greenroom | grep -q ":/var/lib/greenroom:.*nologin$"'
check "its folder is its own" inside sh -c '[ "$(stat -c %U:%G:%a /var/lib/greenroom)" = greenroom:greenroom:750 ]'
check "its service starts with the machine" inside sh -c '[ -L /etc/systemd/system/multi-user.target.wants/greenroom.service ]'
verified() { local said; said=$(chroot "$root" systemd-analyze verify --man=no "$unit" 2>&1) && [[ ! $said ]] || { echo "$said"; return 1; }; }
check "the unit is right" verified
check "the unit lets it reach little (exposure 2.0 of 10 at most)" systemd-analyze security --offline=true --root="$root" --threshold=20 greenroom.service --no-pager
check "bash completes its commands" inside bash -c '. /usr/share/bash-completion/completions/greenroom && complete -p greenroom'
check "the configuration that it comes with is read" inside greenroom policy check /usr/share/doc/greenroom/examples/chat.yaml

# --- Run ------------------------------------------------------------------------------------------------------------------

# A systemd of the root's own, in namespaces of its own: no network but its loopback.
boot() {
    unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child=KILL bash -c '
        set -e
        root=$1
        mount --make-rprivate /
        mount --rbind "$root" "$root"
        cd "$root"
        mount -t proc proc proc
        mount -t sysfs -o ro sysfs sys
        mount -t tmpfs -o mode=755 tmpfs run
        mount -t tmpfs -o mode=1777 tmpfs tmp
        mount -t tmpfs -o mode=755 tmpfs dev
        for device in null zero full random urandom tty; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
        ln -s /proc/self/fd dev/fd
        ln -s pts/ptmx dev/ptmx
        mkdir dev/shm dev/pts
        mount -t tmpfs -o mode=1777 tmpfs dev/shm
        ip link set lo up 2>/dev/null || true
        if [ -e sys/fs/cgroup/cgroup.controllers ] || mount -t cgroup2 cgroup2 sys/fs/cgroup 2>/dev/null; then :; else
            mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
            mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
            mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
        fi
        pivot_root . mnt
        cd /
        umount -l /mnt
        exec env -i container=greenroom-deb PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=no
    ' _ "$root" >"$folder/boot.log" 2>&1 &
    local outer=$! state
    for _ in $(seq 100); do
        booted=$(pgrep -P "$outer" || true)
        [[ $booted ]] && state=$(within systemctl is-system-running 2>/dev/null || true) && [[ $state == running || $state == degraded ]] && return
        kill -0 "$outer" 2>/dev/null || break
        sleep 0.2
    done
    [[ $booted ]] && kill -KILL "$booted" 2>/dev/null
    booted=
    return 1
}
within() { nsenter --target "$booted" --mount --pid --uts --ipc --net --cgroup env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
trap '[[ $booted ]] && kill -KILL "$booted" 2>/dev/null || true' EXIT

port=$(sed -nE 's/^listen: .*:([0-9]+)$/\1/p' deploy/debian/greenroom.yaml)
ask() { within greenroom "$@" --server "http://127.0.0.1:$port"; }
serves() { for _ in $(seq 150); do ask get pools >/dev/null 2>&1 && return; sleep 0.2; done; within systemctl status --no-pager greenroom; return 1; }
journal() { within journalctl -u greenroom --no-pager -o cat; }
says() { for _ in $(seq 50); do journal | grep "$1" >/dev/null && return; sleep 0.2; done; journal | tail -5; return 1; }
main() { within systemctl show -p MainPID --value greenroom; }
status() { within cat "/proc/$(main)/status"; }

# No more than this machine lets root have.
files=$(ulimit -Hn)
if [[ $files == unlimited || $files -gt 65536 ]]; then files=65536; fi
if boot; then
    echo "ok       the root's systemd runs"
    check "the service runs, for this machine" serves
    check "it is its user, with no rights" bash -c "$(declare -f status main within); booted=$booted; [[ \$(status | sed -nE 's/^CapEff:\s*//p') == 0000000000000000 && \$(status | sed -nE 's/^NoNewPrivs:\s*//p') == 1 && \$(status | sed -nE 's/^Uid:\s*([0-9]+).*/\1/p') == \$(within id -u greenroom) ]]"
    check "it has the files that it may need" bash -c "$(declare -f main within); booted=$booted; within cat /proc/\$(main)/limits | grep '^Max open files' | tee /dev/stderr | grep -E 'files +$files +$files '"
    check "an event is on disk" ask send actor.requested alice pool=tour/chat
    check "the log is in its folder" inside test -s /var/lib/greenroom/greenroom.db
    cp docs/examples/chat.yaml "$root/etc/greenroom/policies/"
    check "systemctl reload reads the policies again" bash -c "$(declare -f within); booted=$booted; within systemctl reload greenroom"
    check "and says so" says 'policies were read again'
    check "a pool of processes works within the unit's bounds" bash -c "$(declare -f ask within); booted=$booted port=$port; for _ in \$(seq 150); do ask history actor alice | grep actor.suspended && exit; sleep 0.2; done; ask history actor alice; exit 1"
    killed=$(main)
    check "killed, it is started again" bash -c "$(declare -f main within); booted=$booted; within systemctl kill -s KILL greenroom && for _ in \$(seq 100); do new=\$(main); [[ \$new != 0 && \$new != $killed ]] && exit; sleep 0.2; done; exit 1"
    check "and serves the same log" serves
    check "an upgrade puts a newer program in its place" within dpkg -i "/debs/$(basename "$second")"
    check "and starts it" serves
    check "SIGTERM ends it in good order" bash -c "$(declare -f within journal); booted=$booted; within systemctl stop greenroom && [[ \$(within systemctl show -p Result --value greenroom) == success ]] && [[ ! \$(within pgrep -u greenroom 2>/dev/null) ]]"
    check "the log verifies" within greenroom log verify --db /var/lib/greenroom/greenroom.db
    printf 'listen: 127.0.0.1:%s\nnonsense: 1\n' "$port" >"$root/etc/greenroom/greenroom.yaml"
    within systemctl start greenroom 2>/dev/null || true
    check "a wrong configuration is said" says "nonsense"
    check "and isn't tried again" bash -c "$(declare -f within); booted=$booted; for _ in \$(seq 50); do [[ \$(within systemctl show -p ActiveState --value greenroom) == failed ]] && exit; sleep 0.2; done; exit 1"
    kill -KILL "$booted"
    wait 2>/dev/null || true
    booted=
else
    echo "SKIPPED  the root's systemd doesn't run here ($(tail -c 200 "$folder/boot.log" | tr '\n' ' '))"
    check "an upgrade puts a newer program in its place" installs "$second"
    echo 'listen: 127.0.0.1:8080 # mine' >"$root/etc/greenroom/greenroom.yaml"
fi

# --- Gone -----------------------------------------------------------------------------------------------------------------

mine=$(<"$root/etc/greenroom/greenroom.yaml")
inside sh -c 'echo a >/var/lib/greenroom/kept; echo b >/etc/greenroom/tokens'
check "an upgrade keeps a configuration that was changed" bash -c "$(declare -f inside); root='$root'; inside dpkg -i --force-confold '/debs/$(basename "$first")' && [[ \$(<'$root/etc/greenroom/greenroom.yaml') == '$mine' ]]"
check "removed, the program is gone, and configuration and log are there" bash -c "$(declare -f inside); root='$root'; inside dpkg --remove greenroom && [[ ! -e $root/usr/bin/greenroom && ! -e $root$unit && -e $root/etc/greenroom/greenroom.yaml && -e $root/var/lib/greenroom/kept ]]"
check "purged, its configuration is gone; log and tokens stay, which is said" bash -c "$(declare -f inside); root='$root'; inside dpkg --purge greenroom | grep 'the log stays' && [[ ! -e $root/etc/greenroom/greenroom.yaml && -e $root/etc/greenroom/tokens && -e $root/var/lib/greenroom/kept ]]"
check "nothing of it starts with the machine" bash -c "! ls '$root'/etc/systemd/system/*/greenroom.service"
check "it installs again" installs "$second"
clean
exit $wrong
