#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/manifest.h"

#define EMPTY_SUM                                                                                            \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* sha256sum </dev/null */

/* By hand, from the OCI image-spec and the shape in docs/design.md; not made by the code under test. */
#define CONFIG(family, files)                                                                                \
    "{\"architecture\":\"amd64\",\"os\":\"unknown\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_"   \
    "ids\":"                                                                                                 \
    "[\"sha256:" EMPTY_SUM "\"]},\"bootherd\":{\"format\":1,\"family\":\"" family                            \
    "\",\"product\":\"P\",\"version\":\"1\",\"build\":\"2\",\"kernelOptions\":\"\",\"source\":\"s\","        \
    "\"files\":[" files "]}}"
#define FILE_OF(name, role, order)                                                                           \
    "{\"name\":\"" name "\",\"role\":\"" role "\",\"order\":" order ",\"gzip\":false,\"unpacked\":5}"
#define LAYER(digest, size)                                                                                  \
    "{\"mediaType\":\"application/vnd.bootherd.file.v1\",\"digest\":\"" digest "\",\"size\":" size "}"
#define MANIFEST(artifact, layers)                                                                           \
    "{\"schemaVersion\":2,\"mediaType\":\"application/"                                                      \
    "vnd.oci.image.manifest.v1+json\",\"artifactType\":\"" artifact                                          \
    "\",\"config\":{\"mediaType\":\"application/"                                                            \
    "vnd.oci.image.config.v1+json\",\"digest\":\"sha256:" EMPTY_SUM "\",\"size\":9},\"layers\":[" layers     \
    "]}"
#define OURS        "application/vnd.bootherd.image.v1"
#define GOOD_LAYER  LAYER("sha256:" EMPTY_SUM, "5")
#define GOOD_FILE   FILE_OF("a.b", "extra", "0")
#define GOOD_CONFIG CONFIG("loader", GOOD_FILE)

static struct slice text(const char *t)
{
    return (struct slice){(const uint8_t *)t, strlen(t)};
}

static void reads_what_the_shape_says(void **state)
{
    struct image *image;
    struct error err;
    if (manifest_parse(text(MANIFEST(OURS, GOOD_LAYER)), text(GOOD_CONFIG), &image, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(image->family, "loader");
    assert_int_equal(image->file_count, 1);
    assert_string_equal(image->files[0].name, "a.b");
    assert_int_equal(image->files[0].size, 5);
    assert_int_equal(image->files[0].digest.byte[0], 0xe3);
    image_free(image);
}

static void refused(const char *manifest, const char *config, const char *part)
{
    struct image *image = (void *)1;
    struct error err = {0};
    assert_int_equal(manifest_parse(text(manifest), text(config), &image, &err), -1);
    assert_null(image);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
}

static void refuses_others(void **state)
{
    const char *good = MANIFEST(OURS, GOOD_LAYER);
    refused("", GOOD_CONFIG, "manifest is no JSON: line 1");
    refused("[]", GOOD_CONFIG, "no JSON object");
    refused("{\"schemaVersion\":1}", GOOD_CONFIG, "schemaVersion");
    refused("{\"schemaVersion\":2,\"schemaVersion\":2}", GOOD_CONFIG, "no JSON");
    refused(MANIFEST("application/vnd.docker.x", GOOD_LAYER), GOOD_CONFIG, "application/vnd.docker.x");
    refused(MANIFEST(OURS, ""), GOOD_CONFIG, "1 files, its manifest 0 layers");
    refused(MANIFEST(OURS, LAYER("sha256:12", "5")), GOOD_CONFIG, "no sha256 digest");
    refused(MANIFEST(OURS, LAYER("sha512:" EMPTY_SUM, "5")), GOOD_CONFIG, "no sha256 digest");
    refused(MANIFEST(OURS, LAYER("sha256:" EMPTY_SUM, "-5")), GOOD_CONFIG, "negative");
    refused(MANIFEST(OURS, LAYER("sha256:" EMPTY_SUM, "5.5")), GOOD_CONFIG, "a.b");
    refused(MANIFEST(OURS, "{\"mediaType\":\"x\",\"digest\":\"sha256:" EMPTY_SUM "\",\"size\":5}"),
            GOOD_CONFIG, "media type 'x'");
    refused(good, "{}", "config");
    refused(good, "{\"architecture\":\"amd64\",\"bootherd\":{\"format\":2}}", "config");
    refused(good, CONFIG("loader\\u001b[2J", GOOD_FILE), "family holds control characters");
    refused(good, CONFIG("a", FILE_OF("../a", "extra", "0")), "file 1");
    refused(good, CONFIG("a", FILE_OF("/etc/passwd", "extra", "0")), "file 1");
    refused(good, CONFIG("a", FILE_OF("a", "boss", "0")), "wrong role");
    refused(good, CONFIG("a", FILE_OF("a", "module", "-1")), "wrong role");
    refused(good, CONFIG("a", FILE_OF("a", "module", "2")), "out of order");
    refused(good, CONFIG("a", FILE_OF("a", "module", "1")), "no kernel");
    refused(MANIFEST(OURS, GOOD_LAYER "," GOOD_LAYER), CONFIG("a", GOOD_FILE "," GOOD_FILE), "out of order");
    refused(MANIFEST(OURS, ""), CONFIG("a", ""), "0 files");
}

static void refs_of_anybody(void **state)
{
    struct manifest_ref *refs;
    size_t count;
    struct error err;
    assert_int_equal(
        manifest_refs(text(MANIFEST("other", LAYER("sha256:" EMPTY_SUM, "7"))), &refs, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(refs[0].size, 9);
    assert_int_equal(refs[1].size, 7);
    assert_false(refs[1].nested);
    free(refs);
    const char *nested =
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
        "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:" EMPTY_SUM "\",\"size\":3}]}";
    assert_int_equal(manifest_refs(text(nested), &refs, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_true(refs[0].nested);
    free(refs);
    assert_int_equal(manifest_refs(text("{\"layers\":[]}"), &refs, &count, &err), -1);
    assert_int_equal(manifest_refs(text("{\"config\":{},\"layers\":[]}"), &refs, &count, &err), -1);
    assert_int_equal(manifest_refs(text("{\"manifests\":7}"), &refs, &count, &err), -1);
    assert_null(refs);
}

static void texts_must_be_utf8(void **state)
{
    struct image_file file = {.name = (char[]){"a"}, .role = IMAGE_ROLE_EXTRA};
    struct image image = {.family = (char[]){"loader"},
                          .product = (char[]){"P"},
                          .version = (char[]){"1"},
                          .build = (char[]){"2"},
                          .arch = (char[]){"amd64"},
                          .kernel_options = (char[]){""},
                          .source = (char[]){"\xff"},
                          .files = &file,
                          .file_count = 1};
    struct buf config = BUF_INIT, manifest = BUF_INIT;
    struct error err;
    assert_int_equal(manifest_format(&image, &config, &manifest, &err), -1);
    assert_non_null(strstr(err.text, "UTF-8"));
    buf_fini(&config);
    buf_fini(&manifest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_shape_says),
        cmocka_unit_test(refuses_others),
        cmocka_unit_test(refs_of_anybody),
        cmocka_unit_test(texts_must_be_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
