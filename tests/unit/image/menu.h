/* Boot configurations in memory, and their menus as one line of text. */
#pragma once

#include "image/boot_menu.h"

typedef int menu_parser(const struct boot_files *files, const struct boot_text *start, struct boot_menu *out,
                        struct error *err);

/*
 * The start is `text`; `more` is NULL or names and texts of files that are included, ended by NULL.
 * Every entry that starts something: name|title: kernel [options] + module [options] + ...; multiboot ones
 * with "mb " before the kernel; the preset one with '*' in front; entries are separated by "; ".
 */
void expect_menu(menu_parser *parse, const char *text, const char *const *more, const char *menu);
void expect_no_menu(menu_parser *parse, const char *text, const char *const *more, const char *part);
