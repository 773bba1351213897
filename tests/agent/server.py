#!/usr/bin/env python3
"""server.py FOLDER: the boot server's side of docs/agent.md, for tests of the agent. Writes its port into FOLDER/port, gives
FOLDER/list (IDENTITY and SERVER in it are replaced), and records steps in FOLDER/steps (KIND|LABEL|FILE|TEXT), whole reports in
FOLDER/report.SEQ and their numbers in FOLDER/reports, alive in FOLDER/alives, anything else in FOLDER/strange. What it answers is
told by files: FOLDER/refuse, FOLDER/answer-report (a line, once), FOLDER/answer-alive (once), FOLDER/die (closes without an
answer), FOLDER/wish."""
import http.server, os, re, sys, urllib.parse

folder = sys.argv[1]
IDENTITY = "5-0123456789abcdef"
parts = {}


def path(name):
    return os.path.join(folder, name)


def once(name):
    if not os.path.exists(path(name)):
        return None
    with open(path(name)) as file:
        text = file.read().strip()
    os.remove(path(name))
    return text


def record(name, text):
    with open(path(name), "ab") as file:
        file.write(text + b"\n")


def wish():
    return open(path("wish")).read().strip() if os.path.exists(path("wish")) else "1"


def report(words, query):
    seq, part, count = (int(word) for word in words)
    if len(query) > 4010 and query.count(b"%0A") > 1:
        record("strange", b"a part of more than 4000 bytes")
    have = parts.setdefault(seq, {})
    have[part] = urllib.parse.unquote_to_bytes(query)
    if part != len(have) or (part < count) != (len(have) < count):
        record("strange", b"parts out of order")
    if part < count:
        return "more"
    answer = once("answer-report")
    if answer == "again":
        have.clear()
        return answer
    with open(path(f"report.{seq}"), "wb") as file:
        file.write(b"".join(have[n] for n in sorted(have)))
    record("reports", str(seq).encode())
    return answer or "ok|" + wish()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        where, _, query = self.path.partition("?")
        query = query.encode("latin-1")
        if re.search(r'[\x00-\x20"<>\\^`{|}]', self.path):
            record("strange", b"not encoded: " + self.path.encode())
        words = where.strip("/").split("/")
        if os.path.exists(path("die")):
            return
        if os.path.exists(path("refuse")):
            record("refused", self.path.encode())
            answer = "refused|an older boot"
        elif words[:2] != ["agent", IDENTITY]:
            record("strange", self.path.encode())
            answer = "refused|who"
        elif words[2:] == ["list"]:
            record("lists", b"list")
            with open(path("list"), "rb") as file:
                answer = file.read()
        elif words[2:] == ["step"]:
            record("steps", urllib.parse.unquote_to_bytes(query))
            answer = "ok"
        elif words[2] == "report":
            answer = report(words[3:], query)
        elif words[2:] == ["alive"]:
            record("alives", query)
            answer = once("answer-alive") or "ok|" + wish()
        else:
            record("strange", self.path.encode())
            answer = "what"
        if isinstance(answer, str):
            answer = (answer + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


port = int(open(path("port")).read()) if os.path.exists(path("port")) else 0
http.server.HTTPServer.allow_reuse_address = True
server = http.server.HTTPServer(("127.0.0.1", port), Handler)
with open(path("port.new"), "w") as file:
    print(server.server_port, file=file)
os.rename(path("port.new"), path("port"))
server.serve_forever()
