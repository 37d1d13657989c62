#!/bin/sh
# Who hears of which alert, asked of Alertmanager's own tool. $1: the configuration (this folder's).
# Debian's amtool is older than `url_file`, which says where a message goes and not to whom; it is
# tried with another line there.
set -eu
cd "$(dirname "$0")"
given=${1:-alertmanager.yml}
tried=$(mktemp)
trap 'rm -f "$tried"' EXIT
amtool check-config "$given" >/dev/null 2>&1 && cp "$given" "$tried" ||
    sed 's|url_file: .*/\(.*\)|url: http://localhost/\1|' "$given" >"$tried"
amtool check-config "$tried" >/dev/null || { amtool check-config "$tried"; exit 1; }

failed=0
count=0
heard() { # receiver, labels...
    wanted=$1
    shift
    count=$((count + 1))
    got=$(amtool config routes test --config.file="$tried" "$@" 2>/dev/null)
    [ "$got" = "$wanted" ] || { echo "$*: heard by $got, not by $wanted"; failed=1; }
}

# Every alert goes where its severity says, whatever else it is.
alerts=$(sed -n 's/.*alert: \([A-Za-z]*\)$/\1/p; s/.*severity: \([a-z]*\).*/\1/p' ../prometheus/rules/alerts.yml | paste -d' ' - -)
[ -n "$alerts" ] || { echo 'no alert was found'; exit 1; }
while read -r alert severity; do
    heard "$severity" alertname="$alert" severity="$severity"
done <<LIST
$alerts
LIST
heard critical alertname=PostgresDown severity=critical job=postgres instance=postgresql
heard critical alertname=CertificateExpires severity=critical path=/
heard warning alertname=CertificateExpires severity=warning path=/
heard null alertname=Anything severity=info
# What has no severity is not lost.
heard warning alertname=Forgotten

# Of several causes each gets a message, of one cause with many services only one.
grouped() { amtool config routes show --config.file="$tried" >/dev/null 2>&1 && grep -q "group_by: \[alertname, dependency, resource\]" "$tried"; }
count=$((count + 1))
grouped || { echo 'alerts are not grouped by cause'; failed=1; }

[ "$failed" = 0 ] && echo "alertmanager: $count routes are as they should be"
exit "$failed"
