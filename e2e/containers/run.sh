#!/bin/sh
# Brings up the real Compose project on a real Docker engine, with images that only stand in, and uses
# it as its users would. Needs an engine (DOCKER_HOST), a current Compose, debootstrap, and root.
#
#   PROGRAMS       the folder with the dossier-* programs, compiled for Debian 12
#   GARAGE_BIN     a Garage
#   COMPOSE        how Compose is called (docker compose)
#   WORK           where the base image is kept between runs (target/containers)
#   KEEP=yes       leave it running
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
: "${PROGRAMS:?names a folder}" "${GARAGE_BIN:?names a program}"
compose=${COMPOSE:-docker compose}
work=${WORK:-target/containers}
export DOSSIER_IMAGES=dossier-test DOSSIER_VERSION=latest DOSSIER_HTTP_PORT="${DOSSIER_HTTP_PORT:-18080}"
export DOSSIER_HTTPS_PORT="${DOSSIER_HTTPS_PORT:-18443}" DOSSIER_PUBLIC_URL="http://localhost:${DOSSIER_HTTP_PORT:-18080}"
export COMPOSE_PROJECT_NAME=dossier-test

step() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fail() {
    echo "FAILED: $*" >&2
    up_to_date logs --tail 30 >&2 || true
    exit 1
}
# shellcheck disable=SC2086 # a list of words
up_to_date() { $compose -f compose.yaml -f e2e/containers/override.yaml "$@"; }

mkdir -p "$work"
if ! docker image inspect dossier-test/base >/dev/null 2>&1; then
    step 'a base image, by debootstrap'
    [ -d "$work/base/usr" ] || debootstrap --variant=minbase \
        --include=ca-certificates,postgresql,caddy,curl,wget,restic,rclone,prometheus-node-exporter \
        bookworm "$work/base" http://deb.debian.org/debian >"$work/debootstrap.log"
    tar -C "$work/base" --exclude=./var/cache --exclude=./usr/share/doc --exclude=./proc --exclude=./sys -c . |
        docker import - dossier-test/base >/dev/null
fi
step 'stand-ins'
context=$work/context
rm -rf "$context"
mkdir -p "$context/programs" "$context/e2e"
cp -r compose backup "$context/"
cp -r e2e/containers "$context/e2e/"
cp "$GARAGE_BIN" "$context/programs/garage"
for name in gateway contacts documents indexer search extract; do
    strip --strip-debug -o "$context/programs/dossier-$name" "$PROGRAMS/dossier-$name"
done
export DOCKER_BUILDKIT=0
image() { # target, name, service
    docker build --quiet --file e2e/containers/Dockerfile --target "$1" --build-arg "SERVICE=$3" --tag "dossier-test/$2" "$context" >/dev/null 2>"$work/build.log" || { cat "$work/build.log"; exit 1; }
}
for name in postgres backup caddy node-exporter object-store; do
    image "$name" "$name" none
done
for name in gateway contacts documents indexer search; do
    image service "$name" "$name"
done

finish() {
    [ "${KEEP:-}" = yes ] || up_to_date down --volumes --timeout 30 >/dev/null 2>&1 || true
}
trap finish EXIT
trap 'exit 1' INT TERM

step 'up'
began=$(date +%s)
up_to_date up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up'; }
step "up and healthy after $(($(date +%s) - began)) s"

site=$DOSSIER_PUBLIC_URL
jar=$work/jar
rm -f "$jar"
ask() { curl --silent --show-error --max-time 20 --cookie "$jar" --cookie-jar "$jar" "$@"; }
status() { ask --output /dev/null --write-out '%{http_code}' "$@"; }
is() { # what is expected, what is, of what
    [ "$1" = "$2" ] || fail "$3: $2 rather than $1"
    step "$3: $2"
}

wait_ready() {
    deadline=$(($(date +%s) + 60))
    until [ "$(status "$site/api/v1/health/ready")" = 200 ]; do
        [ "$(date +%s)" -lt "$deadline" ] || fail 'it is not ready'
        sleep 0.5
    done
}
is 200 "$(status "$site/api/v1/health/ready")" 'ready, through Caddy'
is 404 "$(status "$site/metrics")" 'measurements from outside'
is 404 "$(status --path-as-is "$site/api/../metrics")" 'measurements by a detour'

password=$(up_to_date run --rm --no-deps -T --entrypoint cat secrets /secrets/all/owner-password)
is 201 "$(printf '{"email":"owner@dossier.localhost","password":"%s"}' "$password" |
    status --header "Origin: $site" --header 'Content-Type: application/json' --data @- "$site/api/v1/session")" 'the owner signs in'
token=$(ask --header "Origin: $site" --header 'Content-Type: application/json' --data '{"name":"test","scopes":["*"]}' \
    "$site/api/v1/tokens" | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
[ -n "$token" ] || fail 'no token'
echo 'The quick hydrographic fox obstructs a navigable waterway.' >"$work/note.txt"
id=$(ask --header "Authorization: Bearer $token" --form "file=@$work/note.txt" "$site/api/v1/documents" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
[ -n "$id" ] || fail 'no document'
# The stream ends when the document is ready.
ask --no-buffer --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/events" | grep -m 1 -q ready || fail 'it was not read'
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes'
ask --get --header "Authorization: Bearer $token" --data-urlencode 'q=hydrograpic' "$site/api/v1/search" | grep -q "$id" || fail 'it is not found'
step 'found, in spite of a typo'
is 201 "$(status --header 'Idempotency-Key: k1' --header 'Content-Type: application/json' \
    --data '{"name":"Anna","email":"anna@example.org","message":"Hello"}' "$site/api/v1/submissions")" 'the contact form'

# Who can be reached from outside, and who runs as what.
published=$(docker ps --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --format '{{.Label "com.docker.compose.service"}} {{.Ports}}' | grep -- '->' | cut -d ' ' -f 1 | sort -u)
is caddy "$published" 'who publishes a port'
for container in $(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"); do
    docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} user={{.Config.User}} readonly={{.HostConfig.ReadonlyRootfs}} caps={{.HostConfig.CapDrop}} memory={{.HostConfig.Memory}} pids={{.HostConfig.PidsLimit}} env={{range .Config.Env}}{{.}} {{end}}' "$container"
done >"$work/containers"
if grep -v 'readonly=true caps=\[ALL\]' "$work/containers" || grep 'user= ' "$work/containers" || grep 'memory=0' "$work/containers"; then
    fail 'a container is not hardened'
fi
if grep -F -e "$password" "$work/containers"; then
    fail 'a secret is in an environment'
fi
step "hardened: $(wc -l <"$work/containers") containers"

# A killed container comes back by itself.
before=$(docker inspect --format '{{.State.Pid}}' dossier-test-documents-1)
kill -9 "$before"
deadline=$(($(date +%s) + 60))
until [ "$(status "$site/api/v1/health/ready")" = 200 ] && [ "$(docker inspect --format '{{.State.Pid}}' dossier-test-documents-1)" != "$before" ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail 'a killed container did not come back'
    sleep 0.5
done
step 'a killed container came back'
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes, afterwards'

up_to_date exec -T backup /usr/local/lib/dossier-backup/backup.sh || fail 'no backup'
up_to_date exec -T backup /usr/local/lib/dossier-backup/verify.sh || fail 'the backup cannot be restored'

# Secrets are changed as the guide says.
change() { # secret, who is recreated
    head -c 16 /dev/urandom | od -An -v -tx1 | tr -d ' \n' |
        up_to_date run --rm --no-deps -T --entrypoint sh secrets -c "cat >/secrets/all/$1"
    shift
    up_to_date up --detach --wait --no-build --force-recreate "$@" >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up again'; }
}
change db-documents-password secrets bootstrap documents
change rpc-token secrets gateway contacts documents indexer search
wait_ready
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes, with other secrets'

# Everything is down and up again, and is as it was.
up_to_date stop --timeout 30 >/dev/null 2>&1
up_to_date up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up again'; }
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes, after a restart'

docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' $(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME") | sort
step 'passed'
