#!/usr/bin/env python3
"""Starts an Alertmanager with this folder's configuration and asks it which alerts it keeps silent:
amtool can test routes, but not inhibition."""
import json, re, socket, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

# what is there, what must be silent, what must be heard all the same
CASES = [
    ([{"alertname": "PostgresDown", "severity": "critical"}],
     [{"alertname": "RequestsFailing", "severity": "critical"}, {"alertname": "ErrorBudgetBurnsFast", "severity": "critical"},
      {"alertname": "DependencyDown", "severity": "critical", "dependency": "postgresql", "job": "contacts"}],
     [{"alertname": "DependencyDown", "severity": "critical", "dependency": "object_store"}, {"alertname": "DiskFillsSoon", "severity": "critical"}]),
    ([{"alertname": "DependencyDown", "severity": "critical", "dependency": "postgresql"}],
     [{"alertname": "PublicPathDown", "severity": "critical", "path": "/"}, {"alertname": "DependencyDown", "severity": "critical", "dependency": "documents", "job": "indexer"}],
     [{"alertname": "ServiceDown", "severity": "critical", "job": "search"}, {"alertname": "DependencyDown", "severity": "critical", "dependency": "object_store"}]),
    ([{"alertname": "DependencyDown", "severity": "critical", "dependency": "object_store"}],
     [], [{"alertname": "DependencyDown", "severity": "critical", "dependency": "documents", "job": "gateway"}]),
    ([{"alertname": "ServiceDown", "severity": "critical", "job": "gateway"}],
     [{"alertname": "PublicPathDown", "severity": "critical", "path": "/"}, {"alertname": "DependencyDown", "severity": "critical", "dependency": "search"}],
     [{"alertname": "LedgerDrift", "severity": "critical"}]),
    ([{"alertname": "ServiceDown", "severity": "critical", "job": "indexer"}],
     [{"alertname": "ProcessingStuck", "severity": "warning"}], [{"alertname": "PublicPathDown", "severity": "critical", "path": "/"}]),
    ([{"alertname": "SearchEngineDown", "severity": "warning"}],
     [{"alertname": "SearchBreakerOpen", "severity": "warning", "job": "search"}], [{"alertname": "RequestsSlow", "severity": "critical"}]),
    ([{"alertname": "PoolExhausted", "severity": "critical", "job": "contacts"}],
     [{"alertname": "ResourceSaturated", "severity": "warning", "resource": "database pool", "job": "contacts"}],
     [{"alertname": "ResourceSaturated", "severity": "warning", "resource": "database pool", "job": "search"}]),
    ([{"alertname": "DiskFillsSoon", "severity": "critical", "instance": "machine"}],
     [{"alertname": "ResourceSaturated", "severity": "warning", "resource": "disk", "instance": "machine"}],
     [{"alertname": "ResourceSaturated", "severity": "warning", "resource": "memory", "instance": "machine"}]),
    ([{"alertname": "CertificateExpires", "severity": "critical", "path": "/"}],
     [{"alertname": "CertificateExpires", "severity": "warning", "path": "/"}], [{"alertname": "CertificateExpires", "severity": "warning", "path": "/other"}]),
]


def ask(url, data=None):
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data=data and json.dumps(data).encode(), headers=headers), timeout=5) as answer:
        return answer.read()


def patiently(what, limit=20):
    until = time.monotonic() + limit
    while True:
        try:
            return what()
        except (OSError, AssertionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def silent(base, case):
    causes, quiet, heard = case
    ask(f"{base}/api/v2/alerts", [{"labels": labels} for labels in causes + quiet + heard])

    def seen():
        states = {json.dumps(a["labels"], sort_keys=True): a["status"]["state"] for a in json.loads(ask(f"{base}/api/v2/alerts"))}
        for labels, state in [(l, "suppressed") for l in quiet] + [(l, "active") for l in causes + heard]:
            got = states.get(json.dumps(labels, sort_keys=True))
            assert got == state, f"beside {causes[0]}, {labels} is {got}, not {state}"

    patiently(seen)


def main():
    text = (Path(__file__).parent / "alertmanager.yml").read_text()
    # Nobody is called.
    text = re.sub(r"^ *(webhook_configs:|- url_file:|send_resolved:).*\n", "", text, flags=re.M)
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            probe.close()
            Path(folder, "alertmanager.yml").write_text(text)
            running = subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error"])
            try:
                base = f"http://127.0.0.1:{port}"
                patiently(lambda: ask(f"{base}/-/ready"))
                silent(base, case)
            finally:
                running.terminate()
                running.wait()
    print(f"{len(CASES)} cases, {sum(len(q) + len(h) for _, q, h in CASES)} alerts are silent or heard as they should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
