#!/usr/bin/env python3
"""A terminal for `bootherd ... --password`: prompt.py ANSWERS COMMAND...

ANSWERS, one a prompt, are separated by '/'; "^C" is the key. Prints what the terminal showed, then "status N" and
"echo on" or "echo off", as the program left the terminal."""
import os
import pty
import select
import sys
import termios
import time


def main():
    answers = sys.argv[1].split("/")
    parent, child_end = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(os.open(os.ttyname(child_end), os.O_RDWR))  # becomes the controlling terminal
        for fd in (0, 1, 2):
            os.dup2(child_end, fd)
        os.execvp(sys.argv[2], sys.argv[2:])
    shown, seen, deadline = b"", 0, time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([parent], [], [], 0.2)[0]:
            shown += os.read(parent, 4096)
        elif os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        hidden = not termios.tcgetattr(child_end)[3] & termios.ECHO
        # A prompt that came before the echo went off would show the answer.
        if answers and hidden and shown[seen:].rstrip().endswith(b":"):
            answer = answers.pop(0)
            seen = len(shown)
            os.write(parent, b"\x03" if answer == "^C" else answer.encode() + b"\n")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(shown.decode(errors="replace").replace("\r", ""))
    print("status", status)
    print("echo", "on" if termios.tcgetattr(child_end)[3] & termios.ECHO else "off")


main()
