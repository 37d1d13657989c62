#!/usr/bin/env python3
"""Every alert has a runbook, tests and a link that leads there; every runbook an alert; every metric
that a rule, a dashboard or a runbook asks for is in names.md."""
import json, re, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNBOOKS = HERE.parent / "docs/runbooks"
WORDS = set("""and or unless on ignoring group_left group_right by without bool offset sum avg min max count topk
    bottomk vector scalar time rate increase abs inf nan""".split())
NOT_RUNBOOKS = {"README.md", "incident-pool-exhausted.md"}


def metrics(expression):
    """The names of metrics in a PromQL expression."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\boffset\s+\w+", " ", bare)
    found = re.findall(r"(?<![\w.:$])([a-zA-Z_][\w:]*)(?!\s*\()(?![\w:])", bare)
    return {name for name in found if name not in WORDS}


def base(name):
    return re.sub(r"_(bucket|sum|count)$", "", name)


def main():
    wrong = []
    names = (HERE / "names.md").read_text()
    known = set(re.findall(r"`([a-zA-Z_][\w:]*)`", names))
    rules = (HERE / "prometheus/rules/alerts.yml").read_text()
    recorded = (HERE / "prometheus/rules/recording.yml").read_text()
    recording = set(re.findall(r'record: "?([\w:]+)', recorded))

    # Alerts, runbooks, tests.
    alerts = re.findall(r"- alert: (\w+)", rules)
    links = re.findall(r"runbook_url: docs/runbooks/(\w+)\.md", rules)
    pages = {page.stem for page in RUNBOOKS.glob("*.md") if page.name not in NOT_RUNBOOKS}
    wrong += [f"{name} has no runbook" for name in sorted(set(alerts) - pages)]
    wrong += [f"docs/runbooks/{name}.md is for no alert" for name in sorted(pages - set(alerts))]
    wrong += [f"{name} does not link to its runbook" for name in sorted(set(alerts) - set(links))]
    wrong += [f"a runbook_url leads to {name}, which is no alert" for name in sorted(set(links) - set(alerts))]
    severities = re.findall(r"severity: (\w+)", rules)
    wrong += [] if len(severities) == len(alerts) else ["an alert has no severity"]
    tests = "".join(path.read_text() for path in (HERE / "prometheus/tests").glob("*.yml"))
    for name in sorted(set(alerts)):
        lines = [line for line in tests.splitlines() if f'alertname="{name}"' in line and "eval_time" in line]
        wrong += [] if any("*fires" in line or "&fires" in line or "value:" in line for line in lines) else [f"no test shows that {name} fires"]
        wrong += [] if any("silent" in line for line in lines) else [f"no test shows that {name} stays silent"]
    for page in pages:
        text = (RUNBOOKS / f"{page}.md").read_text()
        for heading in ("What users see", "Confirm", "Fix", "Prevent"):
            wrong += [] if f"## {heading}\n" in text else [f"{page}.md does not say: {heading}"]
    for page in RUNBOOKS.glob("*.md"):
        for target in re.findall(r"\]\(([\w-]+\.md)\)", page.read_text()):
            wrong += [] if (RUNBOOKS / target).exists() else [f"{page.name} links to {target}, which is not there"]

    # Names.
    asked = {}
    for path in (HERE / "grafana/dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            if panel["type"] == "row":
                continue
            targets = panel.get("targets", [])
            wrong += [] if targets else [f"{path.name}: {panel['title']} asks nothing"]
            for target in targets:
                asked.setdefault(target["expr"], f"{path.name}: {panel['title']}")
    for file, text in (("alerts.yml", rules), ("recording.yml", recorded)):
        text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        for block in re.findall(r'expr: (?:\|\n((?:\s{10,}.*\n)+)|(.*))', text):
            asked.setdefault((block[0] or block[1].strip(' "}')), file)
    for page in RUNBOOKS.glob("*.md"):
        for block in re.findall(r"```promql\n(.*?)```", page.read_text(), re.S):
            asked.setdefault(block, page.name)
    seen = set()
    for expression, where in asked.items():
        for name in metrics(expression):
            seen.add(name)
            if name not in recording and name not in known and base(name) not in known:
                wrong.append(f"{where} asks for {name}, which is not in names.md")
    wrong += [f"{name} is recorded and nobody asks for it" for name in sorted(recording - seen)]
    wrong += [f"{name} is recorded and not in names.md" for name in sorted(recording - known)]

    # What containers are given.
    for path in (HERE.parent / "compose").glob("*.yaml"):
        for mounted in re.findall(r"(?:^|[\s\"])\./([\w./-]+):/", path.read_text()):
            wrong += [] if (HERE.parent / mounted).exists() else [f"{path.name} mounts {mounted}, which is not there"]

    print("\n".join(wrong) or f"{len(set(alerts))} alerts in {len(alerts)} rules, {len(pages)} runbooks, {len(asked)} queries, {len(seen)} metrics")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
