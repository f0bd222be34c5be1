#!/usr/bin/env bash
# The image's runtime stage, laid out and tried without a container engine.
#
#   scripts/image-root.sh FOLDER PROGRAM
#
# FOLDER/root gets the Debian release and the packages that the Dockerfile's last stage names (debootstrap), PROGRAM, and the
# image's configuration. Then the image's own command is run there: in namespaces of its own, as user 65532, without
# capabilities, on a read-only root, with the log's folder and the tokens mounted as `docker run` would. It is asked from outside
# over a virtual network. A PROGRAM that isn't linked with --static-swift-stdlib gets Swift's libraries beside it, and that is
# said. One line a check; exits 0 where all hold. Needs root, debootstrap, iproute2, curl.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# == 2 ]] || { echo "usage: $0 FOLDER PROGRAM" >&2; exit 2; }
[[ $(id -u) == 0 ]] || { echo "$0: needs root, for chroot and namespaces: run it with sudo" >&2; exit 2; }
for tool in debootstrap ip curl unshare; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is missing: apt-get install debootstrap iproute2 curl util-linux" >&2; exit 3; }
done
mkdir -p "$1"
folder=$(realpath "$1") program=$(realpath "$2")
root=$folder/root net=greenroom-image-$$ link=gr$$ wrong=0
# Addresses set aside for tests of devices: no network has them.
outside=198.18.77.1 inside=198.18.77.2

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$folder/output" 2>&1; then echo "ok       $name"; else
        echo "WRONG    $name: $(tail -c 600 "$folder/output" | tr '\n' ' ')"
        wrong=1
    fi
}

# --- Laid out as the Dockerfile says --------------------------------------------------------------------------------------

stage=$(awk '/^FROM /{text=""} {text=text $0 "\n"} END{printf "%s", text}' Dockerfile)
release=$(sed -nE 's/^FROM debian:([a-z]+)-slim$/\1/p' <<<"$stage")
packages=$(sed -nE 's/.*--no-install-recommends ([a-z0-9. +-]+)( \\|$).*/\1/p' <<<"$stage" | tr ' ' ',' | sed 's/,*$//')
command=$(sed -nE 's/^CMD \[(.*)\]$/\1/p' <<<"$stage" | tr -d '",')
port=$(sed -nE 's/^EXPOSE ([0-9]+)$/\1/p' <<<"$stage")
[[ $release && $packages && $command && $port ]] || { echo "$0: the Dockerfile's last stage isn't read any more: mend this script" >&2; exit 1; }
if [[ ! -e $root/.laid-out || $(<"$root/.laid-out") != "$release $packages" ]]; then
    rm -rf "$root"
    debootstrap --variant=minbase --include="$packages" "$release" "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$folder/debootstrap.log" \
        || { tail -3 "$folder/debootstrap.log" >&2; exit 3; }
    echo "$release $packages" >"$root/.laid-out"
fi
install -D -m 0755 "$program" "$root/usr/local/bin/greenroom"
install -D -m 0644 deploy/image/greenroom.yaml "$root/etc/greenroom/greenroom.yaml"
mkdir -p "$root/etc/greenroom/tokens"
install -d -o 65532 -g 65532 -m 0700 "$root/var/lib/greenroom" "$folder/data"
libraries=$(ldd "$program" | awk '$3 ~ /^\// && $3 !~ /^\/(usr\/)?lib/ {print $3}')
for library in $libraries; do install -D -m 0644 "$library" "$root$library"; done
if [[ $libraries ]]; then echo "note     $program needs $(wc -w <<<"$libraries") libraries of Swift's, which were copied; the image's program has them inside"; fi

# --- Run as an engine would -----------------------------------------------------------------------------------------------

started=
cleanup() {
    if [[ $started ]]; then kill -KILL "$started" 2>/dev/null || true; fi
    ip netns delete "$net" 2>/dev/null || true
}
trap cleanup EXIT
ip netns add "$net"
ip link add "$link" type veth peer name eth0 netns "$net"
ip address add "$outside/30" dev "$link"
ip link set "$link" up
ip -n "$net" address add "$inside/30" dev eth0
ip -n "$net" link set eth0 up
ip -n "$net" link set lo up

# Runs a command of the root: inside COMMAND...; tokens are mounted where TOKENS names a file.
inside() {
    ip netns exec "$net" unshare --mount --pid --ipc --uts --fork --kill-child=KILL bash -c '
        set -e
        root=$1 folder=$2 tokens=$3
        shift 3
        mount --make-rprivate /
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mount -t tmpfs -o mode=755 tmpfs "$root/dev"
        for device in null zero urandom random; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
        mount --bind "$folder/data" "$root/var/lib/greenroom"
        if [ "$tokens" ]; then mount -t tmpfs -o mode=755 tmpfs "$root/etc/greenroom/tokens"; install -m 0640 -g 65532 "$tokens" "$root/etc/greenroom/tokens/tokens"; fi
        mount -o remount,bind,ro "$root"
        exec chroot "$root" /usr/bin/setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
            /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/ sh -c "cd /var/lib/greenroom && exec \"\$@\"" _ "$@"
    ' _ "$root" "$folder" "${TOKENS:-}" "$@"
}

refuses() { ! inside "$@"; }
says() { # WORDS COMMAND...
    local words=$1
    shift
    inside "$@" >"$folder/said" 2>&1 || true
    cat "$folder/said"
    grep -q -- "$words" "$folder/said"
}

copied() { # Whether what the Dockerfile copies from here reaches the build, of what .dockerignore leaves out.
    local path
    for path in $(sed -nE '/--from=/d; s/^COPY (.*) [^ ]+$/\1/p' Dockerfile); do
        path=${path%\*}
        compgen -G "$path*" >/dev/null || [[ $path == Package.resolved ]] || { echo "$path is not there"; return 1; }
        if grep -qxF -- "${path%%/*}" .dockerignore && ! grep -qxF -e "!$path" -e "!$(dirname "$path")" .dockerignore; then echo "$path is ignored"; return 1; fi
    done
}

find "$folder/data" -mindepth 1 -delete
check "what the Dockerfile copies isn't left out" copied
check "every library is there" bash -c "! chroot '$root' ldd /usr/local/bin/greenroom | grep 'not found'"
check "the program starts" inside greenroom --help
check "it is nobody, with no rights" inside sh -c '[ "$(id -u):$(id -g)" = 65532:65532 ] && grep -q "^CapEff:[[:space:]]*0*$" /proc/self/status'
check "the root is read-only, the log's folder is not" inside sh -c '! touch /etc/x /usr/x 2>/dev/null && touch /var/lib/greenroom/x && rm /var/lib/greenroom/x'
check "authorities for TLS are there" inside sh -c 'grep -q "BEGIN CERTIFICATE" /etc/ssl/certs/ca-certificates.crt'
cat >"$folder/data/policy.yaml" <<'YAML'
apiVersion: greenroom.dev/v1
kind: WorkerPoolAutoscaler
metadata: {name: a, namespace: ns}
spec:
  scaleTargetRef: {kind: Deployment, name: a}
  schedules: [{cron: 0 8 * * 1-5, timezone: Europe/Zurich, durationSeconds: 3600, minReplicaCount: 1}]
YAML
check "zones of schedules are there" inside greenroom policy check policy.yaml
check "without tokens its command ends and says what is missing" says '/etc/greenroom/tokens/tokens' greenroom $command

token=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
printf '%s admin,read,ingest operator\r\n' "$token" >"$folder/tokens"
TOKENS=$folder/tokens inside greenroom $command >"$folder/serve.log" 2>&1 &
started=$!
ask() { curl -fsS --max-time 5 -o "$folder/answer" "$@"; }
answers() { for _ in $(seq 100); do ask "http://$inside:$port/livez" && return; kill -0 "$started" || { cat "$folder/serve.log"; return 1; }; sleep 0.2; done; return 1; }
refused() { [[ $(curl -sS --max-time 5 -o "$folder/answer" -w '%{http_code}' "$@") == 401 ]]; }
check "its command answers from outside, on the port that is exposed" answers
check "without a token nothing is told" refused "http://$inside:$port/v1/pools"
check "an event is taken over HTTP/1.1" ask -H "Authorization: Bearer $token" -H 'Content-Type: application/cloudevents+json' \
    -d '{"specversion":"1.0","id":"1","source":"image","type":"dev.greenroom.actor.requested","subject":"a","data":{"pool":"ns/p"}}' "http://$inside:$port/v1/events"
check "state is told over HTTP/2" ask --http2-prior-knowledge -H "Authorization: Bearer $token" "http://$inside:$port/v1/pools"
check "the log is where the volume is" test -s "$folder/data/greenroom.db"
# The first process of its namespace, as in a container: no default action ends it.
first=$started
while child=$(pgrep -o -P "$first"); do first=$child; done
stops() {
    kill -TERM "$first"
    for _ in $(seq 100); do kill -0 "$started" 2>/dev/null || { wait "$started"; return; }; sleep 0.2; done
    return 1
}
check "SIGTERM ends it in good order" stops
check "the log verifies" inside greenroom log verify --db greenroom.db
exit $wrong
