/* Why a boot stopped, by a table of what was seen and what was not. A part of story. */
#pragma once

#include "state/story.h"

/* Sets outcome and cause of a story whose other fields are told. */
void story_find_cause(struct story *story, const struct story_event *events, size_t count, int64_t now_ms);
