#!/bin/sh
# Holds what is in this folder against itself and against the tools that read it. Says loudly what it
# could not check because a tool is missing; CHECK_STRICT=1 makes that an error.
set -u
cd "$(dirname "$0")"
failed=0
unchecked=0

passes() { # what, command...
    what=$1
    shift
    if output=$("$@" 2>&1); then
        echo "ok      $what"
    else
        echo "FAILED  $what"
        echo "$output" | sed 's/^/        /'
        failed=1
    fi
}

needs() { # program, what cannot be checked
    command -v "$1" >/dev/null 2>&1 && return 0
    echo "NOT CHECKED: $2 ($1 is not installed)"
    unchecked=1
    return 1
}

# Secrets are files beside the configuration, which is here without them.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r prometheus "$copy/"
mkdir "$copy/prometheus/secrets"
echo none >"$copy/prometheus/secrets/meilisearch-key"

if needs promtool "Prometheus's configuration, rules and their tests"; then
    passes 'prometheus: configuration' promtool check config "$copy/prometheus/prometheus.yml"
    passes 'prometheus: rules' promtool check rules prometheus/rules/*.yml
    passes "prometheus: $(grep -h 'eval_time:' prometheus/tests/*.yml | wc -l) checks of rules in $(grep -h '  - name:' prometheus/tests/*.yml | wc -l) cases" \
        promtool test rules prometheus/tests/*.yml
fi
if needs amtool "Alertmanager's configuration and routes"; then
    passes 'alertmanager: configuration and routes' sh alertmanager/routes.sh
fi
if needs prometheus-alertmanager 'what an alert keeps silent' && needs python3 'what an alert keeps silent'; then
    passes 'alertmanager: inhibition, by a running one' python3 alertmanager/inhibition.py
fi
if needs prometheus-blackbox-exporter 'what the probes ask'; then
    passes 'blackbox: configuration' prometheus-blackbox-exporter --config.check --config.file=blackbox/blackbox.yml
fi
if needs python3 'dashboards, names and runbooks'; then
    passes 'grafana: dashboards are as generated' python3 grafana/generate.py --check
    passes 'names: alerts, runbooks, tests, dashboards, names.md' python3 check.py
fi
for program in loki tempo alloy; do
    case $program in
        loki) needs loki "Loki's configuration" && passes 'loki: configuration' loki -verify-config -config.file=loki/loki.yml ;;
        tempo) needs tempo "Tempo's configuration" && passes 'tempo: configuration' tempo -config.verify -config.file=tempo/tempo.yml ;;
        alloy) needs alloy "Alloy's configuration" && passes 'alloy: configuration' alloy fmt --test alloy/config.alloy ;;
    esac
done

[ "$failed" = 0 ] || exit 1
[ "$unchecked" = 0 ] || [ -z "${CHECK_STRICT:-}" ] || exit 1
