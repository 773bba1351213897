/* Time is read here and nowhere else; pure code is given `now`. */
#pragma once

#include <stdint.h>

int64_t clock_wall_ms(void);      /* milliseconds since 1970-01-01 UTC */
int64_t clock_monotonic_us(void); /* microseconds, of the same clock as: */
int64_t clock_monotonic_ms(void); /* milliseconds, never goes back */
