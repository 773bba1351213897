#!/usr/bin/env python3
"""embed.py OUTPUT FILE...: the files' bytes as the table of render/agent_text.h, in C."""

import os
import sys


def quoted(line):
    """One line as a string literal; octal escapes end after three digits, whatever follows."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else "\\%03o" % b for b in line) + '"'


def main():
    output, paths = sys.argv[1], sys.argv[2:]
    with open(output, "w", encoding="ascii") as out:
        out.write('/* Made by scripts/embed.py. */\n#include "render/agent_text.h"\n\n')
        out.write("const struct agent_text agent_texts[] = {\n")
        for path in paths:
            with open(path, "rb") as file:
                lines = file.read().splitlines(keepends=True)
            out.write('    {"%s",\n' % os.path.basename(path))
            for line in lines or [b""]:
                out.write("     %s\n" % quoted(line))
            out.write("    },\n")
        out.write("    {0},\n};\n")


main()
