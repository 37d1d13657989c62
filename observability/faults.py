"""What `drill.py` breaks. Each fault is a context: it is there while the context is, and put back afterwards,
also where somebody has mended it meanwhile.

It signals only processes that the system's own folder names (DOSSIER_HOME, .dossier).
"""
import http.server, json, os, re, shutil, signal, socket, socketserver, ssl, subprocess, sys, tempfile, threading, time
import urllib.error, urllib.parse, urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

HOME = Path(os.environ.get("DOSSIER_HOME", ".dossier"))
STATE = json.loads((HOME / "run/state.json").read_text())
SITE = STATE["url"]
# Nothing that a fault starts lives longer, whatever becomes of us.
LONGEST = 3600


def ask(url, data=None, headers=None, method=None, timeout=10):
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers
    except OSError as error:
        return 0, str(error).encode(), {}


def pid(name):
    return json.loads((HOME / f"run/{name}.pid").read_text())["pid"]


def children(parent):
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in found]


def tell(process, number):
    """Who was ended meanwhile hears nothing."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


@contextmanager
def stopped(name):
    """It is there and does nothing, which is worse than being gone: whoever asks, waits."""
    stopped_pid = pid(name)
    os.kill(stopped_pid, signal.SIGSTOP)
    try:
        yield
    finally:
        tell(stopped_pid, signal.SIGCONT)


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
        tell(server, signal.SIGCONT)


def psql(sql, out=subprocess.DEVNULL):
    password = (HOME / "secrets/postgres-password").read_text().strip()
    port = STATE["addresses"]["postgresql"].rsplit(":", 1)[1]
    env = {**os.environ, "PGPASSWORD": password}
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
    program = str(binaries[-1]) if binaries else "psql"
    return subprocess.Popen([program, "-qAt", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "dossier", "-c", sql], env=env, stdout=out, stderr=subprocess.DEVNULL)


def answer(sql):
    return psql(sql, subprocess.PIPE).communicate()[0].decode().strip()


@contextmanager
def sessions(sql, how_many=1):
    """Somebody's sessions by hand, which do this and then sleep."""
    asleep = f"pg_sleep({LONGEST})"
    holders = [psql(f"{sql}; SELECT {asleep}") for _ in range(how_many)]
    try:
        yield
    finally:
        answer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%{asleep}%' AND pid <> pg_backend_pid()")
        for holder in holders:
            holder.wait()


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


@contextmanager
def serving(server):
    """A server of ours, with its port."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass


def owner():
    body = json.dumps({"email": STATE["owner_email"], "password": Path(STATE["owner_password_file"]).read_text().strip()}).encode()
    status, _, headers = ask(f"{SITE}/api/v1/session", body, {"Content-Type": "application/json", "Origin": SITE})
    assert status == 201, f"cannot sign in: {status}"
    return headers["Set-Cookie"].split(";")[0]


@contextmanager
def pool_exhausted():
    """Somebody holds a table of contacts, so whoever reads it holds a connection and waits."""
    reading = asking("/api/v1/contacts", 0.05, 24, Cookie=owner())
    with sessions("BEGIN; LOCK TABLE contacts.contacts, contacts.submissions IN ACCESS EXCLUSIVE MODE"), reading:
        yield


@contextmanager
def slow_reads():
    """Somebody takes a table of contacts, gives it back, and takes it again: whoever reads it waits, and gets it."""
    def take():
        psql("BEGIN; LOCK TABLE contacts.contacts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5); COMMIT").wait()

    with asking("/api/v1/contacts", 0.05, 4, Cookie=owner()), repeating(take):
        yield


@contextmanager
def right_lost():
    """Contacts may not read one of its tables any more, and somebody asks for what is in it."""
    table = "contacts.submissions"
    answer(f"REVOKE SELECT ON {table} FROM dossier_contacts")
    try:
        with asking("/api/v1/submissions", 0.3, 2, Cookie=owner()):
            yield
    finally:
        answer(f"GRANT SELECT ON {table} TO dossier_contacts")


def many_sessions():
    """Somebody's program opens connections and gives none back; the services have theirs all the same."""
    free = answer("SELECT round(0.87 * current_setting('max_connections')::int) - count(*) FROM pg_stat_activity WHERE datname IS NOT NULL")
    return sessions("SELECT 1", int(free))


@contextmanager
def busy_processors():
    """Something computes on every processor, and lets everybody else go first."""
    busy = ["timeout", str(LONGEST), "nice", "-n", "19", sys.executable, "-c", "while True: pass"]
    crowd = [subprocess.Popen(busy) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for one in crowd:
            one.terminate()
            one.wait()


def rush():
    """Two hundred people search in the same moment, again and again."""
    address = urllib.parse.urlsplit(SITE)
    request = f"GET /api/v1/search?q=drill HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {owner()}\r\nConnection: close\r\n\r\n".encode()

    def once():
        crowd = [socket.create_connection((address.hostname, address.port), 10) for _ in range(200)]
        for person in crowd:
            person.sendall(request)
        for person in crowd:
            person.recv(1)
            person.close()
        # Or it would be the limit for each session that refuses.
        time.sleep(3)

    return repeating(once)


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
    """The new document's id."""
    headers = {"Content-Type": "text/plain", "Cookie": owner(), "Origin": SITE, "Content-Disposition": 'attachment; filename="drill.txt"'}
    status, body, _ = ask(f"{SITE}/api/v1/documents", f"drill {time.time()}".encode(), headers)
    assert status == 201, (status, body)
    return json.loads(body)["id"]


def hand_in_and_wait():
    document = hand_in()
    until = time.monotonic() + 60
    while answer(f"SELECT status FROM documents.documents WHERE id = '{document}'") != "ready":
        assert time.monotonic() < until, f"{document} was not read within a minute"
        time.sleep(0.2)
    return document


@contextmanager
def changed_by_hand(change, back):
    """Somebody changed a document's row in the database."""
    document = hand_in_and_wait()
    answer(f"UPDATE documents.documents SET {change} WHERE id = '{document}'")
    try:
        yield
    finally:
        answer(f"UPDATE documents.documents d SET {back} WHERE id = '{document}'")


def lost_work():
    """A document that was ready says that it is not, and nobody has it to do."""
    return changed_by_hand("status = 'pending'", "status = 'ready'")


def page_too_many():
    """A document says that it has a page more than was read: whatever the index is given of it, it lacks one."""
    read = "(SELECT count(*) FROM documents.pages p WHERE p.document_id = d.id AND p.version = d.version)"
    return changed_by_hand("page_count = page_count + 1", f"page_count = {read}")


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
def report(name, value):
    """What a backup leaves for the node exporter, until it leaves something else."""
    path, text = HOME / f"observe/textfile/{name}.prom", f"{name} {value}\n"
    before = path.read_text() if path.exists() else None
    path.write_text(text)
    try:
        yield
    finally:
        if path.read_text() == text:
            path.unlink() if before is None else path.write_text(before)


def mail_server():
    """The port of this machine's mail server, where the gateway was told of one; else None."""
    told = dict(line.split("=", 1) for line in Path(f"/proc/{pid('gateway')}/environ").read_text().split("\0") if "=" in line)
    ours = told.get("SMTP_HOST") == "127.0.0.1" and told.get("SMTP_TLS") == "none"
    return int(told.get("SMTP_PORT", 25)) if ours else None


class Refusing(socketserver.StreamRequestHandler):
    """A mail server that takes nothing from anybody."""
    def handle(self):
        self.wfile.write(b"220 drill\r\n")
        for line in self.rfile:
            command = line[:4].upper()
            if command == b"QUIT":
                break
            self.wfile.write(b"250 drill\r\n" if command in (b"EHLO", b"HELO", b"RSET") else b"550 not from you\r\n")


@contextmanager
def mail_refused():
    """The mail server refuses us for good, and somebody has forgotten a password."""
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", mail_server()), Refusing)):
        form = urllib.parse.urlencode({"email": STATE["owner_email"]}).encode()
        status, _, _ = ask(f"{SITE}/forgotten", form, {"Origin": SITE, "Content-Type": "application/x-www-form-urlencoded"})
        assert status == 200, status
        yield


class NotHere(Quiet):
    def do_POST(self):
        self.send_error(404)


@contextmanager
def replaced(path, text):
    before = path.read_text()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(before)


@contextmanager
def nobody_is_told():
    """The address that messages go to is there no more, and there is something to tell."""
    path = HOME / "observe/alertmanager/alertmanager.yml"
    read_again = lambda: os.kill(pid("alertmanager"), signal.SIGHUP)
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), NotHere)) as port:
        receiver = f"  - name: warning\n    webhook_configs: [{{ url: 'http://127.0.0.1:{port}/' }}]\n"
        try:
            with replaced(path, re.sub(r"  - name: warning\n", receiver, path.read_text())):
                read_again()
                trial = json.dumps([{"labels": {"alertname": "Drill", "severity": "warning"}}]).encode()
                url = f"http://{STATE['addresses']['alertmanager']}/alertmanager/api/v2/alerts"
                status, body, _ = ask(url, trial, {"Content-Type": "application/json"})
                assert status == 200, (status, body)
                yield
        finally:
            read_again()


class Page(Quiet):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<!doctype html>")


@contextmanager
def short_certificate():
    """A site with a certificate that ends in two days, and a probe that trusts it."""
    configuration = Path(__file__).resolve().parent / "blackbox/blackbox.yml"
    targets = HOME / "observe/prometheus/targets/blackbox.yml"
    program = shutil.which("prometheus-blackbox-exporter") or "/usr/bin/prometheus-blackbox-exporter"
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        certificate, key = f"{folder}/certificate.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=drill",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key], check=True, capture_output=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        site.socket = tls.wrap_socket(site.socket, server_side=True)
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
        probe.close()
        exporter = subprocess.Popen(
            ["timeout", str(LONGEST), program, f"--config.file={configuration}", f"--web.listen-address={listen}", "--log.level=error"],
            env={**os.environ, "SSL_CERT_FILE": certificate})
        try:
            with serving(site) as port:
                asked = {"targets": [listen], "labels": {"instance": "drill", "path": "/drill", "__param_module": "page", "__param_target": f"https://127.0.0.1:{port}/"}}
                with replaced(targets, json.dumps(json.loads(targets.read_text()) + [asked])):
                    yield
        finally:
            exporter.terminate()
            exporter.wait()
