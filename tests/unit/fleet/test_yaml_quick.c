/* What the quick reader of YAML takes, and what it leaves. That both readers make the same of a text is
 * tests/fuzz/fuzz_yaml_quick.c's to check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/yaml_quick.h"

/* Each entry as "section/key=value", a list's and a map's values behind one another. */
static bool note(void *ctx, const char *section, const struct yaml *entry)
{
    char *out = ctx;
    sprintf(out + strlen(out), "%s/%s=%s", section, entry->key->text, entry->text ? entry->text : "");
    for (const struct yaml *v = entry->first; v; v = v->next)
        sprintf(out + strlen(out), "(%s%s%s)", v->key ? v->key->text : "", v->key ? ":" : "", v->text);
    strcat(out, ";");
    return true;
}

static bool read_text(const char *text, char *out)
{
    *out = 0;
    return yaml_quick((struct slice){(const uint8_t *)text, strlen(text)}, out, note);
}

static void takes(void **state)
{
    static const struct {
        const char *text, *entries;
    } cases[] = {
        {"a:\n  b: c\n", "a/b=c;"},
        {"---\n# x\na:\n\n  b: c # d\n# y\n  e:\nf:\n g: h\n", "a/b=c;a/e=;f/g=h;"},
        {"a:\n  b:\n    c: 1\n    d: 2 e\n", "a/b=(c:1)(d:2 e);"},
        {"a:\n  b: [1, \"2 \", '3']\n", "a/b=(1)(2 )(3);"},
        {"a:\n  b: {c: 1, d: e:/f}\n", "a/b=(c:1)(d:e:/f);"},
        {"a:\n  b:\n  - 1\n  - 2\n", "a/b=(1)(2);"},
        {"a:\n  b:\n      - 1\n      - 2\n  c: d\n", "a/b=(1)(2);a/c=d;"},
        {"a:\n  r[1-2],s: [52:54:00:00:00:01]\n", "a/r[1-2],s=(52:54:00:00:00:01);"},
        {"a:\n  \"1\": \"x\\n\\t\\\"\\\\\"\n", "a/1=x\n\t\"\\;"},
        {"a:\n  b: |\n    1\n\n     2 # 3\n\n  c: |-\n   4\n", "a/b=1\n\n 2 # 3\n;a/c=4;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[256];
        if (!read_text(cases[i].text, out) || strcmp(out, cases[i].entries) != 0)
            fail_msg("%s\nread as %s", cases[i].text, out);
    }
}

static void leaves(void **state)
{
    static const char *const texts[] = {
        "",
        "a:\n  b: c",               /* no end of the line */
        "a: b\n",                   /* no section */
        "a:\n- b\n",                /* the same */
        "a:\n  b: c\n   d\n",       /* a scalar of two lines */
        "a:\n  b: c\n d: e\n",      /* indented by less, and not the parent's */
        "a:\n  b: c\na:\n  d: e\n", /* a section twice */
        "a:\n  b: {c: 1, c: 2}\n",
        "a:\n  b:\n    c: 1\n    c: 2\n",
        "a:\n  b: c: d\n",
        "a:\n  b: c#d\n",
        "a:\n  b: &x c\n",
        "a:\n  b: *x\n",
        "a:\n  b: !x c\n",
        "a:\n  b: [1, 2\n",
        "a:\n  b: \"1\n",
        "a:\n  b: '1''2'\n",
        "a:\n  b: \"\\u0041\"\n",
        "a:\n\tb: c\n",
        "a:\r\n  b: c\r\n",
        "a:\n  b: |\n    1\n  \n", /* a line of blanks */
        "a:\n  b: >\n    1\n",
        "a:\n  b: |2\n    1\n",
        "a:\n  b: \xff\n",
        "a:\n  b: \"\xe2\x80\xa8\"\n", /* U+2028 */
        "a:\n  b: c\n...\n",
        "a:\n  b: c\n---\nd:\n  e: f\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char out[256];
        if (read_text(texts[i], out))
            fail_msg("%s\nread as %s", texts[i], out);
    }
}

static bool stop(void *ctx, const char *section, const struct yaml *entry)
{
    ++*(int *)ctx;
    return false;
}

static void an_entry_can_stop_it(void **state)
{
    static const char text[] = "a:\n  b: c\n  d: e\n";
    int seen = 0;
    assert_false(yaml_quick((struct slice){(const uint8_t *)text, strlen(text)}, &seen, stop));
    assert_int_equal(seen, 1);
}

/* The seed that is to hold all of it is read to its end. */
static void the_seed(void **state)
{
    char path[512], text[2048], out[4096] = "";
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/yaml_quick/all", getenv("SOURCE_ROOT"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_true(yaml_quick((struct slice){(const uint8_t *)text, size}, out, note));
    assert_non_null(strstr(out, "nodes/007="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes),
        cmocka_unit_test(leaves),
        cmocka_unit_test(an_entry_can_stop_it),
        cmocka_unit_test(the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
