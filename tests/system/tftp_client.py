#!/usr/bin/env python3
"""A TFTP client that misbehaves on purpose. tftp_client.py PORT CHECK [FILE]: exit status 0 when the server behaves.

Written from RFC 1350, 2347-2349 and 7440 and from what boot ROMs were seen to send; shares nothing with the server.
"""
import random
import socket
import struct
import sys
import time

HOST = "127.0.0.1"


def rrq(name, *options, mode="octet", opcode=1):
    packet = struct.pack(">H", opcode) + name.encode() + b"\0" + mode.encode() + b"\0"
    for key, value in options:
        packet += key.encode() + b"\0" + str(value).encode() + b"\0"
    return packet


def ack(block):
    return struct.pack(">HH", 4, block & 0xFFFF)


def error(code, text):
    return struct.pack(">HH", 5, code) + text.encode() + b"\0"


class Client:
    def __init__(self, port, host=HOST):
        self.server = (host, port)
        self.tid = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))

    def ask(self, packet):
        self.socket.sendto(packet, self.server)

    def say(self, packet):
        self.socket.sendto(packet, self.tid)

    def hear(self, timeout=3.0):
        """(opcode, number, rest) or None; remembers who answered."""
        self.socket.settimeout(timeout)
        try:
            data, self.tid = self.socket.recvfrom(70000)
        except socket.timeout:
            return None
        opcode, number = struct.unpack(">HH", data[:4])
        if opcode == 6:
            words = data[2:].split(b"\0")[:-1]
            return opcode, 0, dict(zip((w.decode() for w in words[::2]), (w.decode() for w in words[1::2])))
        return opcode, number, data[4:]


def expect(condition, what):
    if not condition:
        sys.exit("not so: " + what)


def expect_error(answer, code):
    expect(answer and answer[0] == 5 and answer[1] == code, f"ERROR {code}, but {answer}")
    expect(answer[2].endswith(b"\0") and len(answer[2]) > 4, f"an ERROR in words, but {answer}")


def fetch(client, name, blksize=512, window=1, loss=0.0, options=True):
    """The whole file; loses packets in both directions with probability `loss`, as a network would."""
    chance = random.Random(1)
    asked = [("blksize", blksize), ("windowsize", window), ("tsize", 0)] if options else []
    client.ask(rrq(name, *asked))
    got, block, count, tid = bytearray(), 1, 0, None
    last_said = None
    while True:
        answer = client.hear(1.0)
        if answer is None:
            expect(last_said is not None, "an answer to the request")
            client.say(last_said)
            continue
        if chance.random() < loss:
            continue
        tid = tid or client.tid
        expect(client.tid == tid, f"one transfer, but {client.tid} and {tid} speak")
        opcode, number, rest = answer
        expect(opcode != 5, f"no ERROR, but {answer}")
        if opcode == 6:
            last_said = ack(0)
        elif number != block & 0xFFFF:
            last_said, count = ack(block - 1), 0
        else:
            got += rest
            count, block = count + 1, block + 1
            if len(rest) == blksize and count < window:
                continue
            last_said, count = ack(block - 1), 0
            if len(rest) < blksize:
                client.say(last_said)  # the last one is not lost here: the server would only be left waiting
                return bytes(got)
        if chance.random() >= loss:
            client.say(last_said)


def same(got, path):
    with open(path, "rb") as f:
        expect(got == f.read(), f"the bytes of {path}")


def check_malformed(port, path):
    """Each is answered with ERROR 4, or by silence where an answer could start an endless exchange."""
    refused = [b"\0\1", b"\0\1file", b"\0\1file\0", b"\0\1file\0octet", b"\0\1file\0octet\0blksize", b"\0\7",
               b"\0\1file\0mail\0", b"\0\3\0\1data", b"\0\4\0\1", b"\xff" * 1400, b"\0\1" + b"A" * 1498]
    for packet in refused:
        client = Client(port)
        client.ask(packet)
        expect_error(client.hear(), 4)
    for packet in [b"", b"\0", b"\0\5\0\0text\0", b"\0\5"]:
        client = Client(port)
        client.ask(packet)
        expect(client.hear(0.2) is None, f"silence after {packet}")
    chance = random.Random(2)
    for _ in range(500):
        Client(port).ask(bytes([0, 1]) + chance.randbytes(chance.randrange(600)))
    same(fetch(Client(port), "512"), path)


def check_write(port, path):
    client = Client(port)
    client.ask(rrq("new-file", opcode=2))
    expect_error(client.hear(), 4)


def check_names(port, path):
    for name, code in [("../../etc/passwd", 2), ("a/../512", 2), ("x" * 600, 2), ("a\nb", 2), ("nope", 1), ("", 1),
                       ("refused/mod.tgz", 2), ("failed/mod.tgz", 0)]:
        client = Client(port)
        client.ask(rrq(name))
        expect_error(client.hear(), code)
    same(fetch(Client(port), "//512"), path)


def check_ovmf(port, path):
    """Seen on the wire: the size is asked, ERROR 8 answers the OACK, and the same file is asked from a new port."""
    probe = Client(port)
    probe.ask(rrq("3000000", ("tsize", 0), ("blksize", 1468), ("windowsize", 4)))
    answer = probe.hear()
    expect(answer[2] == {"tsize": "3000000", "blksize": "1468", "windowsize": "4"}, f"an OACK, but {answer}")
    probe.say(error(8, "User aborted the transfer"))
    same(fetch(Client(port), "3000000", 1468, 4), path)
    expect(probe.hear(1.5) is None, "silence after the abort")


def check_mboot(port, path):
    """ESXi's BIOS loader opens every module for its size, never says that it is done, and opens all again."""
    probes = [Client(port) for _ in range(151)]
    for probe in probes:
        probe.ask(rrq("100000", ("tsize", 0), ("blksize", 1408)))
        expect(probe.hear()[0] == 6, "an OACK")
    for _ in probes:
        same(fetch(Client(port), "100000", 1408), path)


def check_gone(port, path):
    """A client that goes away without a word, beside one that stays: the one's ICMP error is not the other's."""
    def data(client):
        answer = client.hear()
        while answer and answer[0] == 6:  # again, on a slow machine
            answer = client.hear()
        return answer[:2]
    gone, stays = Client(port), Client(port)
    for client in gone, stays:
        client.ask(rrq("memory/3000000", ("blksize", 1428), ("windowsize", 16)))
        expect(client.hear()[0] == 6, "an OACK")
    gone.say(ack(0))
    expect(data(gone) == (3, 1), "block 1")
    gone.socket.close()
    stays.say(ack(0))
    for block in range(1, 17):
        expect(data(stays) == (3, block), f"block {block}")
    stays.say(ack(16))
    answer = data(stays)
    while answer == (3, 16):  # likewise
        answer = data(stays)
    expect(answer == (3, 17), f"block 17, but {answer}")


def check_repeated(port, path):
    client = Client(port)
    for _ in range(3):
        client.ask(rrq("later/100000", ("blksize", 1408)))  # while the file is being looked up
        time.sleep(0.005)
    answer, tid = client.hear(), client.tid
    expect(answer[0] == 6, f"an OACK, but {answer}")
    client.ask(rrq("later/100000", ("blksize", 1408)))  # while the transfer runs
    answer = client.hear(0.3)  # maybe the OACK again: nobody has answered it
    expect(answer is None or answer[0] == 6 and client.tid == tid, f"no second transfer, but {answer} from {client.tid}")
    client.say(ack(0))
    expect(client.hear()[:2] == (3, 1) and client.tid == tid, "block 1 of the one transfer")
    client.ask(rrq("513", ("blksize", 1024)))  # another file from the same port: the ROM was reset
    answer = client.hear()
    expect(answer[0] == 6 and client.tid != tid, f"a new transfer, but {answer}")


def check_loss(port, path):
    same(fetch(Client(port), "3000000", 1428, 16, loss=0.02), path)


def check_windows(port, path):
    for blksize, window in [(1428, 64), (512, 3), (8192, 8), (65464, 2), (1428, 1)]:
        same(fetch(Client(port), "3000000", blksize, window), path)


def check_address(port, path):
    """The answer comes from the address that was asked, ERROR and data both."""
    for name, opcode in [("nope", 5), ("512", 3)]:
        client = Client(port, "127.0.0.2")
        client.ask(rrq(name))
        expect(client.hear()[0] == opcode and client.tid[0] == "127.0.0.2", f"127.0.0.2, but {client.tid}")


def check_short(port, path):
    """The file shrinks while it is served: an ERROR, not wrong bytes."""
    client = Client(port)
    client.ask(rrq("short/512"))
    expect(client.hear()[:2] == (3, 1), "block 1")
    client.say(ack(1))
    expect_error(client.hear(), 0)


def check_stranger(port, path):
    """Somebody else's ACK or ERROR to a transfer's port changes nothing (RFC 1350, section 4)."""
    client, stranger = Client(port), Client(port)
    client.ask(rrq("100000"))
    expect(client.hear()[:2] == (3, 1), "block 1")
    for packet in [ack(1), error(0, "stop")]:
        stranger.socket.sendto(packet, client.tid)
    client.say(ack(1))
    expect(client.hear()[:2] == (3, 2), "block 2")


def check_netascii(port, path):
    client = Client(port)
    client.ask(rrq("511", mode="netascii"))
    answer = client.hear()
    same(answer[2], path)
    client.say(ack(1))


def check_left(port, path):
    """Left running and looked up when the server stops."""
    for name in ["3000000", "never/512"]:
        client = Client(port)
        client.ask(rrq(name))
        client.hear(0.2)


if __name__ == "__main__":
    globals()["check_" + sys.argv[2]](int(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else None)
