#!/bin/sh
# Takes a backup: the database first, then the objects, then configuration. Objects are written
# before the rows that name them and are kept for days after the last row is gone, so that every row
# of the dump finds its object, and the backup fails when one does not.
. "$(dirname "$0")/settings.sh"
began=$(now)
database=$work/database
objects=$work/objects
mkdir -p "$database" "$objects"
rm -f "$database"/*

# Dump and manifests are of one moment: the same snapshot of the database.
DUMP=$database/dossier.dump sql --output /dev/null <<SQL
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\! pg_dump --format=custom --compress=0 --no-password --snapshot="\$SNAPSHOT" --schema=access --schema=contacts --schema=documents --schema=search --file="\$DUMP" && touch "\$DUMP.done"
\o $database/rows.manifest
\i $here/manifest.sql
\o $database/objects.manifest
SELECT sha256 || '  ' || object_key FROM documents.versions ORDER BY object_key;
\o $database/sizes
SELECT size || ' ' || object_key FROM documents.versions ORDER BY object_key;
\o
COMMIT;
SQL
[ -e "$database/dossier.dump.done" ] || die 'the database could not be dumped'
rm "$database/dossier.dump.done"
[ -s "$database/rows.manifest" ] || die 'there is no manifest of the rows'

# shellcheck disable=SC2086 # a list of words
rclone sync $copying "$store" "$objects"

# Not one object may be missing or short.
find "$objects" -type f -printf '%s %f\n' | LC_ALL=C sort >"$work/there"
LC_ALL=C sort "$database/sizes" >"$work/named"
if [ -n "$(LC_ALL=C comm -23 "$work/named" "$work/there" | head -c 1)" ]; then
    LC_ALL=C comm -23 "$work/named" "$work/there" | head -n 5 >&2
    die 'objects that the database names are not in the store, or not whole'
fi
rm "$work/there" "$work/named" "$database/sizes"

if ! restic cat config >/dev/null 2>&1; then
    restic init --quiet
fi
# shellcheck disable=SC2086 # a list of words
restic backup --quiet --host dossier --tag dossier "$database" "$objects" ${BACKUP_FILES:-}

if [ "${BACKUP_KEEP:-7}" != append-only ]; then
    # Everything of the last days, whatever folders it was made of.
    restic forget --quiet --host dossier --tag dossier --group-by host,tags --keep-within "${BACKUP_KEEP:-7}d" --prune
fi
rm -f "$database/dossier.dump"

measure dossier_backup_last_success_timestamp_seconds "$(now)" 'When the last backup was complete.'
measure dossier_backup_duration_seconds "$(($(now) - began))" 'How long the last backup took.'
measure dossier_backup_objects "$(wc -l <"$database/objects.manifest")" 'Objects in the last backup.'
measure dossier_backup_rows "$(awk '{ n += $2 } END { print n + 0 }' "$database/rows.manifest")" 'Rows in the last backup.'
echo "Backed up $(awk '{ n += $2 } END { print n + 0 }' "$database/rows.manifest") rows and $(wc -l <"$database/objects.manifest") objects in $(($(now) - began)) s."
