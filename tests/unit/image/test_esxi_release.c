#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/esxi_release.h"

typedef bool reader(struct slice text, struct esxi_release *out);

/* In memory of its own size, so that the sanitizer sees a step too far. */
static bool told_by(reader *read, const char *text, struct esxi_release *out)
{
    size_t size = strlen(text);
    uint8_t *copy = size ? malloc(size) : NULL;
    if (size)
        memcpy(copy, text, size);
    bool told = read((struct slice){copy, size}, out);
    free(copy);
    return told;
}

static void tells(reader *read, const char *text, const char *version, const char *build)
{
    struct esxi_release release;
    if (!told_by(read, text, &release))
        fail_msg("'%s' tells nothing", text);
    assert_string_equal(release.version, version);
    assert_string_equal(release.build, build);
}

static void tells_nothing(reader *read, const char *text)
{
    struct esxi_release release = {.version = "left", .build = "alone"};
    if (told_by(read, text, &release))
        fail_msg("'%s' tells %s", text, release.version);
    assert_string_equal(release.version, "left");
    assert_string_equal(release.build, "alone");
}

static void metadata(void **state)
{
    tells(esxi_release_metadata, "<a><esxVersion>6.0.0</esxVersion><esxRelease>2494585</esxRelease>", "6.0.0",
          "2494585");
    tells(esxi_release_metadata, "<esxVersion>\n 7.0.3\n</esxVersion><esxRelease>0.35.19482537<", "7.0.3",
          "19482537");
    tells(esxi_release_metadata, "<esxRelease>8.0.2-22380479</esxRelease><esxVersion>8.0.2", "8.0.2",
          "22380479");
    tells(esxi_release_metadata, "<esxVersion>9.1<", "9.1", "");
    tells(esxi_release_metadata, "<esxVersion>5.0.0</esxVersion><esxRelease>later</esxRelease>", "5.0.0", "");
    tells_nothing(esxi_release_metadata, "");
    tells_nothing(esxi_release_metadata, "<esxVersion>");
    tells_nothing(esxi_release_metadata, "<esxVersion></esxVersion><esxRelease>1</esxRelease>");
    tells_nothing(esxi_release_metadata, "<esxVersion>8</esxVersion>");
    tells_nothing(esxi_release_metadata, "<esxVersion>1.1111111111222222222233333333334</esxVersion>");
    tells_nothing(esxi_release_metadata, "<version>8.0.2</version>");
}

static void discinfo(void **state)
{
    tells(esxi_release_discinfo, "1634\nESXi\nVersion: 7.0.3\n", "7.0.3", "");
    tells(esxi_release_discinfo, "Version: 6.7.0\r\n\tESXi\r", "6.7.0", "");
    tells_nothing(esxi_release_discinfo, "ESXi\nVersion:");
    tells_nothing(esxi_release_discinfo, "Version: 6.7.0\nESX\n");
    tells_nothing(esxi_release_discinfo, "Version: 6.7.0\nESXi Server\n");
    tells_nothing(esxi_release_discinfo, "1634\nFedora 39\nx86_64\n");
    tells_nothing(esxi_release_discinfo, "\n\n");
}

static void readme(void **state)
{
    tells(esxi_release_readme, "VMware ESXi 5.1\nmore", "5.1", "");
    tells(esxi_release_readme, "Read me\nVMware ESXi version 5.5.0.", "5.5.0", "");
    tells_nothing(esxi_release_readme, "VMware ESXi");
    tells_nothing(esxi_release_readme, "VMware ESXi version ...");
    tells_nothing(esxi_release_readme, "VMware ESX 4.1");
}

static void build(void **state)
{
    tells(esxi_release_build, "5.0.0-469512", "5.0.0", "469512");
    tells(esxi_release_build, "7.0.3-0.35.19482537", "7.0.3", "19482537");
    tells(esxi_release_build, "6.5.0", "6.5.0", "");
    tells_nothing(esxi_release_build, "");
    tells_nothing(esxi_release_build, "-469512");
    tells_nothing(esxi_release_build, "469512");
}

static void since(void **state)
{
    static const struct {
        const char *version;
        bool since_65;
    } rows[] = {{"6.5", true},    {"6.5.0", true},  {"6.10", true},   {"7.0.0", true}, {"10.0", true},
                {"6.4.9", false}, {"6.0.0", false}, {"5.5.0", false}, {"", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct esxi_release release = {0};
        strcpy(release.version, rows[i].version);
        assert_int_equal(esxi_release_since(&release, 6, 5), rows[i].since_65);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata), cmocka_unit_test(discinfo), cmocka_unit_test(readme),
        cmocka_unit_test(build),    cmocka_unit_test(since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
