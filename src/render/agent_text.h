/*
 * The host agent's shell scripts, agents/ of the source, as they were when this program was built. The table
 * is made by scripts/embed.py.
 */
#pragma once

struct agent_text {
    const char *name; /* "core.sh"; NULL ends the table */
    const char *text;
};
extern const struct agent_text agent_texts[];
