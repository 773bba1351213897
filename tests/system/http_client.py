#!/usr/bin/env python3
"""Raw HTTP that curl does not speak. http_client.py PORT CHECK [FILE]: exit status 0 when the server behaves."""
import random
import socket
import struct
import sys
import time


def expect(condition, what):
    if not condition:
        sys.exit("not so: " + what)


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.buffer = b""

    def say(self, data):
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return data

    def answer(self, body=True):
        """(status, headers, body) of the next answer, whose length must be said."""
        while b"\r\n\r\n" not in self.buffer:
            expect(self.more(), f"an answer, but {self.buffer}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        expect("content-length" in headers, f"a Content-Length in {headers}")
        expect("transfer-encoding" not in headers and "location" not in headers, f"no chunks, no redirect: {headers}")
        size = int(headers["content-length"]) if body else 0
        while len(self.buffer) < size:
            expect(self.more(), f"{size} bytes of body")
        got, self.buffer = self.buffer[:size], self.buffer[size:]
        return int(lines[0].split()[1]), headers, got

    def closed(self):
        return self.buffer == b"" and self.more() == b""


def get(name, method="GET", version="1.1", headers=""):
    return f"{method} {name} HTTP/{version}\r\nHost: x\r\n{headers}\r\n".encode()


def content(path):
    with open(path, "rb") as f:
        return f.read()


def check_mboot(port, path):
    """mboot.efi, as seen on the wire: HEAD of every file, then GET of each, all on one connection."""
    c = Connection(port)
    for _ in range(8):
        c.say(get("/100000", "HEAD", headers="User-Agent: esx-boot/2.0\r\n"))
        status, headers, _ = c.answer(body=False)
        expect(status == 200 and headers["content-length"] == "100000", f"the size, but {status} {headers}")
    for _ in range(8):
        c.say(get("/100000", headers="User-Agent: esx-boot/2.0\r\n"))
        expect(c.answer()[2] == content(path), "the bytes")


def check_lpxelinux(port, path):
    """HTTP/1.0, Connection: close, and a long cookie."""
    c = Connection(port)
    c.say(get("/100000", version="1.0", headers="User-Agent: Syslinux/6.04\r\nConnection: close\r\n"
              "Cookie: " + "S" * 350 + "\r\n"))
    expect(c.answer()[2] == content(path) and c.closed(), "the bytes, then the end")


def check_pipelined(port, path):
    c = Connection(port)
    c.say(get("/later/100000") + get("/nope") + get("/100000", "HEAD") + get("/memory/100000"))
    expect(c.answer()[2] == content(path), "the first")
    expect(c.answer()[0] == 404, "the second")
    expect(c.answer(body=False)[0] == 200, "the third")
    expect(c.answer()[2] == content(path), "the fourth")


def check_pieces(port, path):
    """A request that comes a byte at a time; one that ends lines with LF alone, behind empty lines."""
    c = Connection(port)
    c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in get("/100000", headers="Range: bytes=5-9\r\n"):
        c.say(bytes([byte]))
        time.sleep(0.001)
    status, _, got = c.answer()
    expect(status == 206 and got == content(path)[5:10], f"the part, but {status}")
    c.say(b"\r\n\n" + get("/100000", headers="Range: bytes=5-9\r\n").replace(b"\r\n", b"\n"))
    expect(c.answer()[2] == content(path)[5:10], "the part again")


def check_many_pipelined(port, path):
    """More than is read at a time, and more answers than a socket takes before the client reads any."""
    c = Connection(port)
    ranges = [(i, 50000 + i) for i in range(400)]
    c.say(b"".join(get("/100000", headers=f"Range: bytes={first}-{last}\r\n") for first, last in ranges))
    for first, last in ranges:
        expect(c.answer()[2] == content(path)[first:last + 1], f"{first}-{last}")


def check_half_closed(port, path):
    """A client that says it has no more to say, as nc does, is answered all the same."""
    for name in ["/3000000", "/later/3000000"]:
        c = Connection(port)
        c.say(get(name))
        c.socket.shutdown(socket.SHUT_WR)
        expect(c.answer()[2] == content(path) and c.closed(), "the bytes, then the end")


def check_refused(port, path):
    """What could be two requests is one refusal, and the end of the connection, in words that arrive."""
    behind = get("/100000")
    for status, request in [(400, get("/x", headers="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n"),
                            (400, get("/x", headers="Content-Length: 5\r\nContent-Length: 6\r\n") + b"12345"),
                            (411, get("/x", headers="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n"),
                            (413, get("/x", headers="Content-Length: 100000\r\n") + b"x" * 100000),
                            (400, get("/x", headers="A: b\r\n folded\r\n")),
                            (400, get("/x", headers="Range : bytes=0-1\r\n")),
                            (431, get("/x", headers="A: " + "b" * 9000 + "\r\n")),
                            (414, get("/" + "x" * 9000)),
                            (505, get("/x", version="2.0"))]:
        c = Connection(port)
        c.say(request + behind)
        got, headers, line = c.answer()
        expect(got == status and headers["connection"] == "close" and line.endswith(b"\n"), f"{status}, but {got}")
        expect(c.closed(), f"the end behind {status}")


def check_crowd(port, path):
    """More connections than the server has descriptors: idle ones make way, and all are answered."""
    crowd = []
    for _ in range(300):
        c = Connection(port)
        c.say(get("/100000", "HEAD"))
        expect(c.answer(body=False)[0] == 200, "an answer")
        crowd.append(c)
    c = Connection(port)
    c.say(get("/100000"))
    expect(c.answer()[2] == content(path), "the bytes")
    # None makes way in the middle of a file: who comes waits until one is done.
    busy = []
    for _ in range(150):
        busy.append(Connection(port))
        busy[-1].say(get("/large"))
    time.sleep(0.3)
    for b in busy:
        b.socket.close()
    c = Connection(port)
    c.say(get("/100000"))
    expect(c.answer()[2] == content(path), "the bytes behind them")


def check_unchanged(port, path):
    """304 has no body, and the length it says is the file's (RFC 9110, section 8.6)."""
    c = Connection(port)
    c.say(get("/100000", "HEAD"))
    etag = c.answer(body=False)[1]["etag"]
    for name in ["/100000", "/later/100000"]:
        c.say(get(name, headers=f"If-None-Match: \"x\", {etag}\r\n"))
        status, headers, _ = c.answer(body=False)
        expect(status == 304 and headers["etag"] == etag and headers["content-length"] == "100000", f"304, {headers}")
    c.say(get("/100000", headers="If-None-Match: \"x\"\r\n"))
    expect(c.answer()[0] == 200, "200 for another etag")


def check_if_range(port, path):
    c = Connection(port)
    c.say(get("/100000", "HEAD"))
    etag = c.answer(body=False)[1]["etag"]
    for value, wanted in [(etag, 206), ('"x"', 200), ("W/" + etag, 200), ("Sun, 22 Nov 2026 16:03:52 GMT", 200)]:
        c.say(get("/100000", headers=f"Range: bytes=10-19\r\nIf-Range: {value}\r\n"))
        status, _, got = c.answer()
        expect(status == wanted and got == (content(path)[10:20] if wanted == 206 else content(path)), f"{wanted}")
    c.say(get("/100000", "HEAD", headers="Range: bytes=10-19\r\n"))  # ranges are for GET: RFC 9110, section 14.2
    status, headers, _ = c.answer(body=False)
    expect(status == 200 and headers["content-length"] == "100000", f"the whole file's, but {status} {headers}")


def check_body(port, path):
    """A GET with a body is a GET; the connection goes on behind it."""
    c = Connection(port)
    c.say(get("/100000", headers="Content-Length: 5\r\n") + b"12345" + get("/100000"))
    expect(c.answer()[2] == content(path) and c.answer()[2] == content(path), "both")


def check_malformed(port, path):
    chance = random.Random(3)
    packets = [b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 40000, b"\0" * 5000,
               b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000, b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
               b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
               b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n"]
    for packet in packets:
        c = Connection(port)
        c.socket.settimeout(0.2)
        try:
            c.say(packet)
            while c.more():
                pass
        except OSError:
            pass
        expect(not c.buffer.startswith(b"HTTP/1.1 2"), f"a refusal of {packet[:60]}")
    for _ in range(300):
        c = Connection(port)
        c.say(b"GET /" + chance.randbytes(chance.randrange(300)) + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        c.socket.close()
    c = Connection(port)
    c.say(get("/100000"))
    expect(c.answer()[2] == content(path), "service as before")


def check_reset(port, path):
    """A machine that loses power in the middle, and one that leaves while its file is looked up."""
    c = Connection(port)
    c.say(get("/large"))
    c.more()
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.socket.close()
    c = Connection(port)
    c.say(get("/later/large"))
    c.socket.close()


def check_slow(port, path):
    """One that takes nothing does not hold up the others."""
    slow = [Connection(port) for _ in range(20)]
    for c in slow:
        c.say(get("/large"))
    start = time.monotonic()
    c = Connection(port)
    c.say(get("/100000"))
    expect(c.answer()[2] == content(path) and time.monotonic() - start < 2, "the bytes at once")


def check_dripping(port, path):
    """A request that never ends, a byte a second, is not waited for; nor is one that never begins."""
    silent, c = Connection(port), Connection(port)
    start = time.monotonic()
    for byte in get("/" + "x" * 100):
        c.socket.settimeout(1)
        try:
            c.say(bytes([byte]))
            expect(c.more() == b"", "the end, without an answer")
            break
        except TimeoutError:
            expect(time.monotonic() - start < 40, "an end to it")
        except ConnectionError:
            break  # it came between
    expect(time.monotonic() - start > 15, "patience")
    silent.socket.settimeout(20)
    expect(silent.more() == b"", "the end of the silent one")


def check_left(port, path):
    """Open when the server stops: idle, in the middle of a file, and while one is looked up. Holds them open."""
    connections = [Connection(port) for _ in range(3)]
    connections[1].say(get("/large"))
    connections[2].say(get("/never/100000"))
    print("open", flush=True)
    time.sleep(30)


if __name__ == "__main__":
    globals()["check_" + sys.argv[2]](int(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else None)
