#!/bin/sh
# Brings up the real Compose project on a real Docker engine, from the images of Dockerfile, and uses it as its users
# would. Images that others publish and this engine does not have are stood in for by bases.sh, where something can
# stand in; what it then still lacks is left out, and said. Needs an engine (DOCKER_HOST), a current Compose, what
# bases.sh needs, and root.
#
#   GARAGE_BIN       a Garage; MEILISEARCH_BIN a Meilisearch: for bases.sh
#   E2E              the end-to-end tests (cargo test --package e2e --test it --)
#   COMPOSE          how Compose is called (docker compose)
#   WORK             where Debian is unpacked, and logs are (target/containers)
#   KEEP=yes         leave it running
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
compose=${COMPOSE:-docker compose}
work=${WORK:-target/containers}
export DOSSIER_IMAGES=dossier-test DOSSIER_VERSION=latest DOSSIER_HTTP_PORT="${DOSSIER_HTTP_PORT:-18080}"
export DOSSIER_HTTPS_PORT="${DOSSIER_HTTPS_PORT:-18443}" DOSSIER_PUBLIC_URL="http://localhost:${DOSSIER_HTTP_PORT:-18080}"
export COMPOSE_PROJECT_NAME=dossier-test
mkdir -p "$work"
work=$(cd "$work" && pwd)
export WORK="$work"

step() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fail() {
    echo "FAILED: $*" >&2
    up_to_date logs --tail 30 >&2 || true
    exit 1
}
echo 'services: {}' >"$work/absent.yaml"
# shellcheck disable=SC2086 # a list of words
up_to_date() { $compose -f compose.yaml -f e2e/containers/override.yaml -f "$work/absent.yaml" "$@"; }
archived() { up_to_date -f compose/overlays/archive.yaml "$@"; }
megabytes() { awk '{ printf "%.1f MB", $1 / 1000000 }'; }

step 'the images of others'
e2e/containers/bases.sh >"$work/bases.log" 2>&1 || { tail -n 40 "$work/bases.log"; exit 1; }
step 'our images'
began=$(date +%s)
archived build >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
step "built after $(($(date +%s) - began)) s"
base=$(docker image inspect --format '{{.Size}}' gcr.io/distroless/cc-debian13:nonroot)
for name in gateway contacts documents search prober indexer object-store backup postgres-archive; do
    image=$DOSSIER_IMAGES/$name:$DOSSIER_VERSION
    size=$(docker image inspect --format '{{.Size}}' "$image")
    packed=$(docker save "$image" | gzip -1 | wc -c)
    step "image of $name: $(echo "$size" | megabytes), as it is pulled about $(echo "$packed" | megabytes)"
    case $name in
        object-store | backup | postgres-archive) continue ;;
        indexer) ;;
        *) [ $((size - base)) -le 40000000 ] || fail "the image of $name adds more than 40 MB" ;;
    esac
    [ "$(docker image inspect --format '{{.Config.User}} {{.Config.Healthcheck.Test}} {{index .Config.Labels "org.opencontainers.image.title"}}' "$image")" = \
        '65532:65532 [CMD /usr/bin/dossier healthcheck] Dossier' ] || fail "the image of $name has another user, health check or label"
    container=$(docker create "$image")
    docker cp "$container:/usr/share/doc/dossier/$name.cdx.json" - | tar -xO | grep -q '"bomFormat": *"CycloneDX"' || fail "the image of $name holds no bill of materials"
    docker rm "$container" >/dev/null
done

# What is named and not there. The system works without these.
missing=$(up_to_date config | awk '/^[a-z]/ { services = /^services:/ }
    services && /^  [a-z]/ { sub(":", "", $1); name = $1 }
    services && /^    image:/ { print name, $2 }' | while read -r name image; do
    docker image inspect "$image" >/dev/null 2>&1 || echo "$name"
done)
engine=meilisearch
{
    [ -z "$missing" ] && echo 'services: {}' || echo services:
    for name in $missing; do
        case $name in
            grafana | loki | tempo | alloy) ;;
            meilisearch) engine=postgresql ;;
            *) fail "there is no image of $name" ;;
        esac
        echo "  $name: { profiles: [nowhere] }"
        step "NOT RUN, for want of an image: $name" >&2
    done
    if [ "$engine" = postgresql ]; then
        echo '  indexer: { environment: { MEILI_URL: !reset null, MEILI_MASTER_KEY_FILE: !reset null } }'
        echo '  search: { environment: { MEILI_URL: !reset null, MEILI_KEY_FILE: !reset null } }'
    fi
} >"$work/absent.new"
mv "$work/absent.new" "$work/absent.yaml"

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
answered_by() { # who answers a search, once what was changed has settled
    deadline=$(($(date +%s) + 90))
    until ask --get --header "Authorization: Bearer $token" --data-urlencode 'q=hydrographic' "$site/api/v1/search" |
        grep "$id" | grep -q "\"engine\":\"$1\""; do
        [ "$(date +%s)" -lt "$deadline" ] || fail "searches are not answered by $1"
        sleep 1
    done
    step "a search is answered by $1"
}
answered_by "$engine"
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
# The gateway may be ready before it has noticed, or have noticed nothing: it is the document that counts.
until [ "$(docker inspect --format '{{.State.Pid}}' dossier-test-documents-1)" != "$before" ] &&
    [ "$(status --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content")" = 200 ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail 'a killed container did not come back'
    sleep 0.5
done
step 'a killed container came back'
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes, afterwards'

step 'the end-to-end tests that need nothing but an address'
# shellcheck disable=SC2086 # a list of words
E2E_SITE=$site E2E_ENGINE=$engine E2E_OWNER_EMAIL=owner@dossier.localhost E2E_OWNER_PASSWORD=$password \
    ${E2E:-cargo test --package e2e --test it --} || fail 'an end-to-end test'

up_to_date exec -T backup /usr/local/lib/dossier-backup/backup.sh || fail 'no backup'
up_to_date exec -T backup /usr/local/lib/dossier-backup/verify.sh || fail 'the backup cannot be restored'

# Every secret is changed as the guide says (docs/operating/secrets.md), and whoever reads it recreated.
secret() { up_to_date run --rm --no-deps -T --entrypoint cat secrets "/secrets/all/$1"; }
hexadecimal() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
write() { # secret; its value comes on standard input
    up_to_date run --rm --no-deps -T --entrypoint sh secrets -c "cat >/secrets/all/$1"
}
recreate() {
    up_to_date up --detach --wait --no-build --force-recreate "$@" >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up again'; }
}
works() { # after what
    wait_ready
    is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" "its bytes, with $1"
    ask --get --header "Authorization: Bearer $token" --data-urlencode 'q=hydrographic' "$site/api/v1/search" | grep -q "$id" || fail "it is not found, with $1"
    is 201 "$(status --header "Idempotency-Key: $(hexadecimal 8)" --header 'Content-Type: application/json' \
        --data '{"name":"Anna","email":"anna@example.org","message":"Hello"}' "$site/api/v1/submissions")" "the contact form, with $1"
}
for role in owner access contacts documents search monitor; do
    hexadecimal 16 | write "db-$role-password"
done
recreate secrets bootstrap migrate-access migrate-contacts migrate-documents migrate-search \
    gateway contacts documents search backup postgres-exporter
works 'other passwords of the database'
hexadecimal 16 | write rpc-token
printf 'dsr_%s' "$(hexadecimal 32)" | write prober-token
recreate secrets gateway contacts documents indexer search prober
works 'other tokens between services and for the prober'

new=$(hexadecimal 16)
printf "ALTER ROLE postgres PASSWORD '%s';\n" "$new" |
    up_to_date exec -T postgres sh -c 'PGPASSWORD=$(cat /run/secrets/postgres-password) psql -q -h 127.0.0.1 -U postgres'
printf %s "$new" | write postgres-password
# Compose takes it for a failure when those who are waited for have done their work and nobody needs it.
recreate secrets bootstrap postgres-exporter
works 'another password of the superuser'

key=GK$(hexadecimal 12)
new=$(hexadecimal 32)
garage() { up_to_date exec -T -e GARAGE_CONFIG_FILE=/etc/garage.toml object-store garage "$@" >/dev/null; }
old=$(secret s3-access-key)
garage key import --yes "$key" "$new"
garage bucket allow --read --write --owner dossier --key "$key"
printf %s "$key" | write s3-access-key
printf %s "$new" | write s3-secret-key
recreate secrets documents backup
garage key delete --yes "$old"
works 'another key of the object store'
hexadecimal 32 | write garage-rpc-secret
hexadecimal 32 | write garage-metrics-token
hexadecimal 12 | write operator-password
recreate secrets object-store prometheus caddy
works "Garage's other secrets and the operators'"
is 401 "$(status --user operator:wrong "$site/prometheus/api/v1/status/buildinfo")" 'the tools, with a wrong password'
is 200 "$(status --user "operator:$(secret operator-password)" "$site/prometheus/api/v1/status/buildinfo")" 'the tools, with the new password'

if [ "$engine" = meilisearch ]; then
    old=$(secret meili-master-key)
    hexadecimal 16 | write meili-master-key
    recreate secrets meilisearch indexer search prometheus
    works 'another master key of the engine'
    answered_by meilisearch
    is 403 "$(up_to_date exec -T meilisearch curl --silent --output /dev/null --write-out '%{http_code}' \
        --header "Authorization: Bearer $old" http://127.0.0.1:7700/keys)" 'the engine, with its old key'
fi

# The new one opens the repository before the old one is forgotten.
new=$(hexadecimal 20)
old=$(up_to_date exec -T backup sh -c 'restic key list --json' | sed -n 's/.*"current":true,"id":"\([^"]*\)".*/\1/p')
printf %s "$new" | up_to_date exec -T backup sh -c 'umask 077; cat >/tmp/new; restic key add --new-password-file /tmp/new; rm /tmp/new' >/dev/null
printf %s "$new" | write restic-password
recreate secrets backup
up_to_date exec -T backup restic key remove "$old" >/dev/null || fail 'the old password still opens the backups'
up_to_date exec -T backup /usr/local/lib/dossier-backup/backup.sh || fail 'no backup with other secrets'
up_to_date exec -T backup /usr/local/lib/dossier-backup/verify.sh || fail 'that backup cannot be restored'

# The other way to back up: the log, as it is written. Its base backup is there when the loop has taken it.
step 'with the archive'
archived up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up with the archive'; }
deadline=$(($(date +%s) + 120))
until archived exec -T base-backup pgbackrest --config=/tmp/pgbackrest.conf --stanza=dossier info 2>/dev/null | grep -q 'full backup'; do
    [ "$(date +%s)" -lt "$deadline" ] || fail 'there is no base backup'
    sleep 1
done
works 'an archive'
archived stop --timeout 30 >/dev/null 2>&1
archived run --rm --no-deps -T base-backup restore >/dev/null 2>&1 || fail 'the archive cannot be restored'
archived up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up from the archive'; }
works 'what the archive held'

if up_to_date logs alertmanager | grep -m 1 'read url_file'; then
    fail 'Alertmanager does not find where alerts go'
fi

# Everything is down and up again, and is as it was.
up_to_date stop --timeout 30 >/dev/null 2>&1
up_to_date up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up again'; }
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes, after a restart'

step 'memory, used of what is allowed'
docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' $(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME") | sort
step 'passed'
