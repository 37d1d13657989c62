#!/usr/bin/env python3
"""Breaks one thing after another in a system that `make up ARGS="--detach --observe"` started, and
says how long it took until the alert fired, and until it was over again.

    python3 observability/drill.py                 all drills (about an hour)
    python3 observability/drill.py service pool    some
    python3 observability/drill.py --list

It signals only processes that the system's own folder names (DOSSIER_HOME, .dossier), and puts
everything back. Not for a system that people use.
"""
import json, os, signal, subprocess, sys, threading, time, urllib.error, urllib.parse, urllib.request
from contextlib import contextmanager
from pathlib import Path

HOME = Path(os.environ.get("DOSSIER_HOME", ".dossier"))
STATE = json.loads((HOME / "run/state.json").read_text())
SITE = STATE["url"]
LIMIT = 900


def ask(url, data=None, headers=None, method=None, timeout=10):
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers
    except OSError as error:
        return 0, str(error).encode(), {}


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


def pid(name):
    return json.loads((HOME / f"run/{name}.pid").read_text())["pid"]


def children(parent):
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in found]


@contextmanager
def stopped(name):
    """It is there and does nothing, which is worse than being gone: whoever asks, waits."""
    stopped_pid = pid(name)
    os.kill(stopped_pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stopped_pid, signal.SIGCONT)


@contextmanager
def no_database():
    """The server takes no connection any more, and those it had are cut."""
    server = pid("postgresql")
    os.kill(server, signal.SIGSTOP)
    for backend in children(server):
        title = Path(f"/proc/{backend}/cmdline").read_text().replace("\0", " ")
        if "dossier" in title:
            os.kill(backend, signal.SIGTERM)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)


def psql(sql, out=subprocess.DEVNULL):
    password = (HOME / "secrets/postgres-password").read_text().strip()
    port = STATE["addresses"]["postgresql"].rsplit(":", 1)[1]
    env = {**os.environ, "PGPASSWORD": password}
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
    program = str(binaries[-1]) if binaries else "psql"
    return subprocess.Popen([program, "-qAt", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "dossier", "-c", sql], env=env, stdout=out, stderr=subprocess.DEVNULL)


@contextmanager
def repeating(action, side_by_side=1):
    done = threading.Event()

    def repeat():
        while not done.is_set():
            action()

    threads = [threading.Thread(target=repeat, daemon=True) for _ in range(side_by_side)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def asking(path, pause, side_by_side=1, **headers):
    """Somebody asks for `path` again and again, with a pause in seconds between."""
    def once():
        ask(f"{SITE}{path}", headers=headers)
        time.sleep(pause)

    return repeating(once, side_by_side)


def owner():
    body = json.dumps({"email": STATE["owner_email"], "password": Path(STATE["owner_password_file"]).read_text().strip()}).encode()
    status, _, headers = ask(f"{SITE}/api/v1/session", body, {"Content-Type": "application/json", "Origin": SITE})
    assert status == 201, f"cannot sign in: {status}"
    return headers["Set-Cookie"].split(";")[0]


@contextmanager
def pool_exhausted():
    """Somebody holds a table of contacts, so whoever reads it holds a connection and waits."""
    reading = asking("/api/v1/contacts", 0.05, 24, Cookie=owner())
    holder = psql("BEGIN; LOCK TABLE contacts.contacts, contacts.submissions IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)")
    try:
        with reading:
            yield
    finally:
        psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()").wait()
        holder.wait()


@contextmanager
def broken_documents():
    cookie = owner()
    for number in range(6):
        headers = {"Content-Type": "application/pdf", "Cookie": cookie, "Origin": SITE,
                   "Content-Disposition": f'attachment; filename="drill-{number}.pdf"'}
        status, body, _ = ask(f"{SITE}/api/v1/documents", f"%PDF-1.5\n{time.time()} {number}".encode(), headers)
        assert status == 201, (status, body)
    yield


def hand_in():
    headers = {"Content-Type": "text/plain", "Cookie": owner(), "Origin": SITE, "Content-Disposition": 'attachment; filename="drill.txt"'}
    status, body, _ = ask(f"{SITE}/api/v1/documents", f"drill {time.time()}".encode(), headers)
    assert status == 201, (status, body)


@contextmanager
def lost_work():
    """A document that was ready says that it is not, and nobody has it to do."""
    hand_in()
    ready = "SELECT count(*) FROM documents.documents WHERE status = 'ready' AND file_name = 'drill.txt'"
    while psql(ready, subprocess.PIPE).communicate()[0].strip() == b"0":
        time.sleep(0.2)
    psql("UPDATE documents.documents SET status = 'pending', title = '(drill) ' || title "
         "WHERE id = (SELECT id FROM documents.documents WHERE status = 'ready' AND file_name = 'drill.txt' LIMIT 1)").wait()
    try:
        yield
    finally:
        psql("UPDATE documents.documents SET status = 'ready', title = substr(title, 9) WHERE title LIKE '(drill) %'").wait()


@contextmanager
def nobody_reads():
    with stopped("indexer"):
        hand_in()
        yield


@contextmanager
def restarts():
    for _ in range(3):
        before = pid("indexer")
        os.kill(before, signal.SIGKILL)
        while True:
            time.sleep(0.2)
            try:
                if pid("indexer") != before:
                    break
            except (OSError, ValueError):
                pass
        # A start that no scrape sees does not count.
        time.sleep(15)
    yield


@contextmanager
def silent_engine():
    """The search engine does nothing, and people go on searching."""
    searching = asking("/api/v1/search?q=drill", 0.5, Cookie=owner())
    with stopped("meilisearch"), searching:
        yield


def traffic():
    """Many more people than ever before, who ask for what costs little."""
    return asking("/", 0.05, 4)


@contextmanager
def failing_reads():
    """Contacts does nothing, and somebody goes on asking for it."""
    reading = asking("/api/v1/submissions", 0.2, 4, Cookie=owner())
    with stopped("contacts"), reading:
        yield


def guess():
    body = json.dumps({"email": f"nobody-{time.monotonic_ns()}@example.org", "password": "wrong"}).encode()
    ask(f"{SITE}/api/v1/session", body, {"Content-Type": "application/json", "Origin": SITE})
    time.sleep(0.3)


def guessing():
    return repeating(guess, 4)


@contextmanager
def report(text, after):
    """What a backup leaves for the node exporter."""
    path = HOME / "observe/textfile/drill.prom"
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(after)


GOOD = (f"dossier_backup_last_success_timestamp_seconds {int(time.time())}\n"
        f"dossier_restore_check_success 1\ndossier_restore_check_timestamp_seconds {int(time.time())}\n")
OLD = "dossier_backup_last_success_timestamp_seconds 1\ndossier_restore_check_success 1\ndossier_restore_check_timestamp_seconds 1\n"
FAILED = GOOD.replace("success 1\n", "success 0\n")

# name: what is broken, the first alert that must say so, others worth timing
DRILLS = {
    "service": (lambda: stopped("search"), [{"alertname": "ServiceDown", "job": "search"}]),
    "gateway": (lambda: stopped("gateway"), [{"alertname": "ServiceDown", "job": "gateway"}, {"alertname": "PublicPathDown", "path": "/"}]),
    "edge": (lambda: stopped("caddy"), [{"alertname": "PublicPathDown", "path": "/"}]),
    "objects": (lambda: stopped("object-store"), [{"alertname": "DependencyDown", "dependency": "object_store"}]),
    "database": (no_database, [{"alertname": "DependencyDown", "dependency": "postgresql"}, {"alertname": "PublicPathDown"}, {"alertname": "PostgresDown"}]),
    "pool": (pool_exhausted, [{"alertname": "PoolExhausted", "job": "contacts"}]),
    "letters": (broken_documents, [{"alertname": "DeadLetters"}]),
    "restarts": (restarts, [{"alertname": "ServiceRestarting", "job": "indexer"}]),
    "guessing": (guessing, [{"alertname": "SignInsRefused"}]),
    "backup": (lambda: report(OLD, GOOD), [{"alertname": "BackupTooOld"}, {"alertname": "RestoreCheckTooOld"}]),
    "restore": (lambda: report(FAILED, GOOD), [{"alertname": "RestoreCheckFailed"}]),
    "ledger": (lost_work, [{"alertname": "LedgerDrift"}]),
    "stuck": (nobody_reads, [{"alertname": "ServiceDown", "job": "indexer"}, {"alertname": "JourneyFailing"}, {"alertname": "ProcessingStuck"}]),
    "engine": (silent_engine, [{"alertname": "SearchEngineDown"}, {"alertname": "SearchBreakerOpen"}]),
    "traffic": (traffic, [{"alertname": "TrafficUnusual"}]),
    "errors": (failing_reads, [{"alertname": "ServiceDown", "job": "contacts"}, {"alertname": "ErrorBudgetBurnsFast"}, {"alertname": "RequestsFailing"}]),
    "exporter": (lambda: stopped("node-exporter"), [{"alertname": "ExporterDown", "job": "node"}]),
}
# What lasts by design: nobody waits for its end.
LASTING = {"letters", "restarts"}


def main():
    # So that whatever ends it, what was broken is put back.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    names = [name for name in sys.argv[1:] if not name.startswith("-")] or list(DRILLS)
    if "--list" in sys.argv:
        print("\n".join(DRILLS))
        return 0
    missed = 0
    print(f"{'fault':<10} {'alert':<46} {'fired after':>11} {'over after':>11}", flush=True)
    for name in names:
        fault, alerts = DRILLS[name]
        if name == "engine" and not (HOME / "run/meilisearch.pid").exists():
            print(f"{name:<10} skipped: there is no search engine (MEILISEARCH_BIN)", flush=True)
            continue
        took = {}
        if any(is_firing(wanted) for wanted in alerts):
            print(f"{name:<10} skipped: its alert fires already", flush=True)
            continue
        began = time.monotonic()
        with fault():
            for wanted in alerts:
                fired = wait(wanted, True)
                took[json.dumps(wanted)] = None if fired is None else time.monotonic() - began
        for wanted in alerts:
            over = None if name in LASTING else wait(wanted, False, 600)
            seconds = took[json.dumps(wanted)]
            missed += seconds is None
            shown = wanted["alertname"] + "".join(f" {v}" for k, v in wanted.items() if k != "alertname")
            as_text = lambda s: "-" if s is None else f"{s:.0f} s"
            print(f"{name:<10} {shown:<46} {as_text(seconds):>11} {as_text(over):>11}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
