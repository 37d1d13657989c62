#!/usr/bin/env python3
"""Breaks one thing after another in a system that `make up ARGS="--detach --observe"` started, and
says how long it took until the alert fired, and until it was over again.

    python3 observability/drill.py                 all drills (about two hours)
    python3 observability/drill.py service pool    some
    python3 observability/drill.py --practise pool leaves it broken until you have ended it by the runbook
    python3 observability/drill.py --list

What is broken is in faults.py, and is put back. Not for a system that people use.

`mails` needs a gateway that was told of a mail server, whose part the drill takes:
`make up ARGS="--detach --observe --env gateway:SMTP_HOST=127.0.0.1 --env gateway:SMTP_PORT=2525
--env gateway:SMTP_TLS=none --env gateway:MAIL_FROM=dossier@example.org"`.

Nobody waits here for BackupMissing (26 hours), DiskFillsSoon (a disk that fills for an hour) and
ErrorBudgetBurnsSlowly (it looks back for a day or three; in a system that was started within the
hour `errors` raises it as well). Their rules are held by the tests in prometheus/tests.
"""
import json, signal, sys, time

import faults
from faults import HOME, STATE, ask

LIMIT = 1200
PRACTICE = 3000


def firing():
    """(alertname, labels) of what Alertmanager has been told: the end of the whole chain."""
    url = f"http://{STATE['addresses']['alertmanager']}/alertmanager/api/v2/alerts?active=true"
    status, body, _ = ask(url)
    return [a["labels"] for a in json.loads(body)] if status == 200 else []


def is_firing(wanted):
    return any(all(labels.get(k) == v for k, v in wanted.items()) for labels in firing())


def wait(wanted, state, limit=LIMIT):
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if is_firing(wanted) == state:
            return time.monotonic() - began
        time.sleep(0.5)
    return None


# name: what is broken, the first alert that must say so, others worth timing
DRILLS = {
    "service": (lambda: faults.stopped("search"), [{"alertname": "ServiceDown", "job": "search"}]),
    "gateway": (lambda: faults.stopped("gateway"), [{"alertname": "ServiceDown", "job": "gateway"}, {"alertname": "PublicPathDown", "path": "/"}]),
    "edge": (lambda: faults.stopped("caddy"), [{"alertname": "PublicPathDown", "path": "/"}]),
    "objects": (lambda: faults.stopped("object-store"), [{"alertname": "DependencyDown", "dependency": "object_store"}]),
    "database": (faults.no_database, [{"alertname": "DependencyDown", "dependency": "postgresql"}, {"alertname": "PublicPathDown"}, {"alertname": "PostgresDown"}]),
    "pool": (faults.pool_exhausted, [{"alertname": "PoolExhausted", "job": "contacts"}]),
    "slow": (faults.slow_reads, [{"alertname": "RequestsSlow"}]),
    "rights": (faults.right_lost, [{"alertname": "CallsFailing", "job": "contacts"}]),
    "shed": (faults.rush, [{"alertname": "LoadShed", "job": "gateway", "room": "search"}]),
    "connections": (faults.many_sessions, [{"alertname": "ResourceSaturated", "resource": "database connections"}]),
    "processor": (faults.busy_processors, [{"alertname": "ResourceSaturated", "resource": "processor"}]),
    "letters": (faults.broken_documents, [{"alertname": "DeadLetters"}]),
    "restarts": (faults.restarts, [{"alertname": "ServiceRestarting", "job": "indexer"}]),
    "guessing": (faults.guessing, [{"alertname": "SignInsRefused"}]),
    "backup": (lambda: faults.report("dossier_backup_last_success_timestamp_seconds", 1), [{"alertname": "BackupTooOld"}]),
    "restore": (lambda: faults.report("dossier_restore_check_success", 0), [{"alertname": "RestoreCheckFailed"}]),
    "trial": (lambda: faults.report("dossier_restore_check_timestamp_seconds", 1), [{"alertname": "RestoreCheckTooOld"}]),
    "ledger": (faults.lost_work, [{"alertname": "LedgerDrift"}]),
    "stuck": (faults.nobody_reads, [{"alertname": "ServiceDown", "job": "indexer"}, {"alertname": "JourneyFailing"}, {"alertname": "ProcessingStuck"}]),
    "engine": (faults.silent_engine, [{"alertname": "SearchEngineDown"}, {"alertname": "SearchBreakerOpen"}]),
    "drift": (faults.page_too_many, [{"alertname": "IndexDrift"}]),
    "traffic": (faults.traffic, [{"alertname": "TrafficUnusual"}]),
    "errors": (faults.failing_reads, [{"alertname": "ServiceDown", "job": "contacts"}, {"alertname": "ErrorBudgetBurnsFast"}, {"alertname": "RequestsFailing"}]),
    "mails": (faults.mail_refused, [{"alertname": "MailsGivenUp", "kind": "forgotten"}]),
    "exporter": (lambda: faults.stopped("node-exporter"), [{"alertname": "ExporterDown", "job": "node"}]),
    "messages": (faults.nobody_is_told, [{"alertname": "NotificationsFailing", "integration": "webhook"}]),
    "certificate": (faults.short_certificate, [{"alertname": "CertificateExpires", "severity": "critical"}, {"alertname": "CertificateExpires", "severity": "warning"}]),
}
# What lasts by design: nobody waits for its end.
LASTING = {"letters", "restarts", "mails"}


def lacking(name):
    """Why this drill cannot be done here."""
    if name in ("engine", "drift") and not (HOME / "run/meilisearch.pid").exists():
        return "there is no search engine (MEILISEARCH_BIN)"
    if name == "mails" and faults.mail_server() is None:
        return "the gateway knows no mail server whose part could be taken (see the beginning of this file)"
    if any(is_firing(wanted) for wanted in DRILLS[name][1]):
        return "its alert fires already"
    return None


def shown(wanted):
    return wanted["alertname"] + "".join(f" {v}" for k, v in wanted.items() if k != "alertname")


def practise(name, alerts):
    for wanted in alerts:
        print(f"{name:<11} {shown(wanted):<42} fires: docs/runbooks/{wanted['alertname']}.md", flush=True)
    for wanted in alerts:
        took = wait(wanted, False, PRACTICE)
        print(f"{name:<11} {shown(wanted):<42} {'goes on, and is put back' if took is None else 'is over'}", flush=True)


def main():
    # So that whatever ends it, what was broken is put back.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    names = [name for name in sys.argv[1:] if not name.startswith("-")] or list(DRILLS)
    if "--list" in sys.argv:
        print("\n".join(DRILLS))
        return 0
    missed = 0
    print(f"{'fault':<11} {'alert':<42} {'fired after':>11} {'over after':>11}", flush=True)
    for name in names:
        fault, alerts = DRILLS[name]
        if why := lacking(name):
            print(f"{name:<11} skipped: {why}", flush=True)
            continue
        took = {}
        began = time.monotonic()
        with fault():
            for wanted in alerts:
                fired = wait(wanted, True)
                took[json.dumps(wanted)] = None if fired is None else time.monotonic() - began
            if "--practise" in sys.argv:
                practise(name, alerts)
        for wanted in alerts:
            over = None if name in LASTING else wait(wanted, False)
            seconds = took[json.dumps(wanted)]
            missed += seconds is None
            as_text = lambda s: "-" if s is None else f"{s:.0f} s"
            print(f"{name:<11} {shown(wanted):<42} {as_text(seconds):>11} {as_text(over):>11}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
