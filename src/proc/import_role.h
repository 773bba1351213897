/*
 * The import process: reads one image that may be hostile; holds it and a staging folder, nothing else.
 *
 * Descriptors: 3 the channel to the command, 4 the source, 5 the staging folder (inspect: an empty folder).
 * Arguments: "import" or "inspect", "text" or "json", the source's name for messages.
 */
#pragma once

int import_role(int argc, char **argv);
