#!/bin/sh
# Restores a backup onto a system that is running and empty; its roles, its database and its bucket
# are there, and its own passwords stay.
#
#   restore.sh [--overwrite] [SNAPSHOT]     SNAPSHOT: an id of `restic snapshots`; the last one without
#
# Objects come first, then the database, in one transaction that is committed only when every row is
# the same as when the backup was taken. Requests that come meanwhile are refused with 503, or wait.
# MIGRATE, when it is set, is a command that brings an older schema to this version.
# REBUILD_INDEX=yes hands every document to the indexer, for the search engine.
. "$(dirname "$0")/settings.sh"
began=$(now)
overwrite=
if [ "${1:-}" = --overwrite ]; then
    overwrite=yes
    shift
fi
snapshot=${1:-latest}

held=$(sql --command 'SELECT (SELECT count(*) FROM documents.versions) + (SELECT count(*) FROM contacts.contacts)')
if [ "$held" != 0 ] && [ -z "$overwrite" ]; then
    die "This system holds $held documents and contacts. Restoring replaces them: say --overwrite."
fi

restored=$work/restored
rm -rf "$restored"
mkdir -p "$restored"
trap 'rm -rf "$restored"' EXIT
trap 'exit 1' INT TERM
# The paths are those of the machine that made the backup.
restic restore --quiet --host dossier --tag dossier --target "$restored" "$snapshot"
manifest=$(find "$restored" -path '*/database/rows.manifest' -type f | head -n 1)
[ -n "$manifest" ] || die 'this is no backup of Dossier'
database=$(dirname "$manifest")
objects=$(dirname "$database")/objects
echo "$(($(now) - began)) s: out of the repository"

# Every byte, against what the database says of it.
mkdir -p "$objects"
(cd "$objects" && sha256sum --check --strict --quiet "$database/objects.manifest") ||
    die 'objects are missing from the backup, or are not what they were'
echo "$(($(now) - began)) s: $(wc -l <"$database/objects.manifest") objects have the right SHA-256"
# shellcheck disable=SC2086 # a list of words
rclone copy $copying "$objects" "$store"
rclone check --one-way --size-only --checkers 16 --log-level ERROR "$objects" "$store" ||
    die 'objects did not arrive in the store'
echo "$(($(now) - began)) s: objects are in the store"

# What \quit leaves behind is seen by the comparison after it.
GOT=$restored/rows.manifest WANTED=$database/rows.manifest
export GOT WANTED
{
    cat <<'SQL'
\set ON_ERROR_STOP 1
SET maintenance_work_mem = '256MB';
BEGIN;
SET LOCAL lock_timeout = '60s';
SET LOCAL client_min_messages = warning;
DROP SCHEMA access, contacts, documents, search CASCADE;
SQL
    pg_restore --file=- "$database/dossier.dump"
    cat <<SQL
RESET search_path;
\o $GOT
\i $here/manifest.sql
\o
SQL
    cat <<'SQL'
\set same `cmp -s "$WANTED" "$GOT" && echo 1 || echo 0`
\if :same
COMMIT;
\else
ROLLBACK;
\warn 'The rows are not what they were; nothing was changed.'
\quit
\endif
SQL
} | sql --output /dev/null
cmp -s "$WANTED" "$GOT" || die 'the database was not restored'
# Only the tables are ours to look at; the rest is skipped with a warning for each.
PGOPTIONS='-c client_min_messages=error' sql --command ANALYZE
echo "$(($(now) - began)) s: $(awk '{ n += $2 } END { print n + 0 }' "$GOT") rows in $(wc -l <"$GOT") tables are the same"

if [ -n "${MIGRATE:-}" ]; then
    sh -c "$MIGRATE"
fi
if [ "${REBUILD_INDEX:-}" = yes ]; then
    sh "$here/reindex.sh"
fi
measure dossier_restore_duration_seconds "$(($(now) - began))" 'How long the last restore took.'
echo "Restored in $(($(now) - began)) s."
