#!/bin/sh
# Waits for BACKUP_AT (03:00), takes a backup, and on Sundays tries whether it can be restored; for
# ever. A failure is written down and tried again the next night; the age of the last success is a
# metric with an alert.
set -u
at=${BACKUP_AT:-03:00}
here=$(cd "$(dirname "$0")" && pwd)
waiting=
trap '[ -z "$waiting" ] || kill "$waiting"; exit 0' TERM INT
while :; do
    seconds=$(($(date -d "today $at" +%s) - $(date +%s)))
    [ "$seconds" -gt 0 ] || seconds=$(($(date -d "tomorrow $at" +%s) - $(date +%s)))
    sleep "$seconds" &
    waiting=$!
    wait "$waiting"
    waiting=
    if "$here/backup.sh"; then
        if [ "$(date +%u)" = 7 ]; then
            "$here/verify.sh" || echo 'the backup could not be verified' >&2
        fi
    else
        echo 'the backup failed' >&2
    fi
done
