#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "cli/command.h"

static char root[] = "/tmp/bootherd-cli-XXXXXX";

/* What the processes were asked, and what they answer. */
static struct {
    unsigned count;
    char words[4096]; /* with "|" between */
    const char *answer;
    char import[256];
    char serve[256];
    bool fault;
} asked;

static int fake_ask(int root_fd, const char *const *words, size_t count, struct slice body, void *ctx,
                    void (*note)(void *ctx, const char *line), struct buf *out, struct error *err)
{
    asked.count++;
    assert_true(root_fd >= 0);
    for (size_t i = 0; i < count; i++)
        snprintf(asked.words + strlen(asked.words), sizeof asked.words - strlen(asked.words), "%s%s",
                 i ? "|" : "", words[i]);
    bool next = strcmp(words[0], "next-boot") == 0;
    buf_append_text(out, next ? strcmp(words[1], "json") == 0 ? "{\"boots\": \"image\"}"
                                                              : "next boot: image esxi4\n"
                              : asked.answer);
    return 0;
}

static int fake_import(int root_fd, const char *source, const char *name, enum cli_import what, bool json,
                       const struct cli_import_listener *listener, struct cli_imported *out,
                       struct error *err)
{
    snprintf(asked.import, sizeof asked.import, "%s|%s|%d|%d", source, name ? name : "-", what, json);
    return 0;
}

static int fake_serve(int root_fd, const char *where, const struct cli_serve_options *options,
                      struct error *err)
{
    for (size_t i = 0; i < options->interface_count; i++)
        snprintf(asked.serve + strlen(asked.serve), sizeof asked.serve - strlen(asked.serve), "%s|",
                 options->interfaces[i]);
    snprintf(asked.serve + strlen(asked.serve), sizeof asked.serve - strlen(asked.serve), "%u",
             options->http_port);
    return 0;
}

static int fake_doctor(const char *where, const struct cli_doctor_options *options, void *ctx,
                       void (*note)(void *ctx, const char *line), struct buf *out, bool *fault,
                       struct error *err)
{
    assert_string_equal(where, root);
    for (size_t i = 0; i < options->interface_count; i++)
        buf_format(out, "%s|", options->interfaces[i]);
    buf_format(out, "%u|%u|%d\n", options->http_port, options->https_port, options->json);
    *fault = asked.fault;
    note(ctx, "listening");
    return 0;
}

static const struct cli_processes fakes = {
    .ask = fake_ask, .import = fake_import, .serve = fake_serve, .doctor = fake_doctor};

/* Both output streams of the last run. */
static char said[65536];

static int run_words(int argc, const char *const *words)
{
    char *argv[64], *copies[64];
    int saved[2] = {dup(1), dup(2)}, memory = memfd_create("said", 0);
    assert_true(argc < 64 && memory >= 0);
    memset(&asked.words, 0, sizeof asked.words);
    asked.count = 0;
    asked.import[0] = asked.serve[0] = 0;
    for (int i = 0; i < argc; i++)
        argv[i] = copies[i] = strdup(words[i]);
    fflush(stdout);
    dup2(memory, 1);
    dup2(memory, 2);
    int status = cli_main(argc, argv, &fakes);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    for (int i = 0; i < argc; i++)
        free(copies[i]);
    ssize_t n = pread(memory, said, sizeof said - 1, 0);
    said[n > 0 ? n : 0] = 0;
    close(memory);
    return status;
}

#define WORDS(...) ((const char *const[]){"bootherd", "--root", root, __VA_ARGS__})
#define run(...)   run_words((int)(sizeof WORDS(__VA_ARGS__) / sizeof(char *)), WORDS(__VA_ARGS__))

static void check_says(const char *text)
{
    if (!strstr(said, text))
        fail_msg("no \"%s\" in: %s", text, said);
}

static void check_asked(const char *words)
{
    assert_string_equal(asked.words, words);
}

static const char *file_of(const char *name, const void *bytes, size_t size)
{
    static char paths[4][64];
    static unsigned at;
    char *path = paths[at++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(bytes, 1, size, f);
    fclose(f);
    return path;
}

static void options_stand_anywhere(void **state)
{
    assert_int_equal(run("status", "--json", "n1"), CLI_DONE);
    check_asked("status|json|n1");
    assert_int_equal(run("--json", "status"), CLI_DONE);
    check_asked("status|json|");
    assert_int_equal(run("explain", "--firmware=uefi", "n1"), CLI_DONE);
    check_asked("explain|text|n1|uefi|");
    assert_int_equal(run("node", "set", "--mac", "02:00:00:00:00:01", "n1", "--kernel-options=a=1 b"),
                     CLI_DONE);
    check_asked("node-set|n1|mac|02:00:00:00:00:01|kernel_options|a=1 b");
}

static void empty_values_are_values(void **state)
{
    assert_int_equal(run("node", "set", "n1", "--profile=", "--image", ""), CLI_DONE);
    check_asked("node-set|n1|profile||image|");
    assert_int_equal(run_words(4, (const char *const[]){"bootherd", "--root", "", "dump"}), CLI_USAGE);
    check_says("--root needs a folder");
    assert_int_equal(run_words(3, (const char *const[]){"bootherd", "dump", "--root="}), CLI_USAGE);
    check_says("--root needs a folder");
    assert_int_equal(run_words(2, (const char *const[]){"bootherd", "--root"}), CLI_USAGE);
    check_says("--root needs a folder");
}

static void loaders_are_imported_as_such(void **state)
{
    assert_int_equal(run("loader", "add", "pxelinux.0", "--name", "pxelinux-3.86"), CLI_DONE);
    assert_string_equal(asked.import, "pxelinux.0|pxelinux-3.86|2|0");
    assert_int_equal(run("image", "import", "pxelinux.0"), CLI_DONE);
    assert_string_equal(asked.import, "pxelinux.0|-|0|0");
    assert_int_equal(run("loader", "list"), CLI_DONE);
    assert_int_equal(run("loader", "remove", "ipxe"), CLI_FAILED);
}

static void two_dashes_end_the_options(void **state)
{
    assert_int_equal(run("image", "inspect", "--", "--name"), CLI_DONE);
    assert_string_equal(asked.import, "--name|-|1|0");
    assert_int_equal(run("status", "--", "--help"), CLI_DONE);
    check_asked("status|text|--help");
    assert_int_equal(run("node", "remove", "--", "n1", "--json"), CLI_USAGE);
    check_says("one word too many");
}

static void wrong_words_are_wrong_usage(void **state)
{
    static const struct {
        const char *words[4];
        const char *says;
    } cases[] = {
        {{"sevre"}, "did you mean \"serve\""},
        {{"node"}, "help node lists"},
        {{"node", "sat"}, "\"node sat\" is not a command"},
        {{"dump", "--dry-run"}, "--dry-run is no option of \"dump\""},
        {{"node", "set", "n1", "--mac"}, "--mac needs a value"},
        {{"apply", "f", "--dry-run=1"}, "--dry-run takes no value"},
        {{"status", "--json=1"}, "--json takes no value"},
        {{"node", "show"}, "something is missing"},
        {{"dump", "all"}, "one word too many"},
        {{"dump", "-x"}, "options have two dashes"},
        {{"serve"}, "which network interface"},
        {{"serve", "--interface", "e", "--http-port=0"}, "1 to 65535"},
        {{"serve", "--interface", "e", "--http-port=80x"}, "1 to 65535"},
        {{"help", "frob"}, "\"frob\" is not a command"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *words[8] = {"bootherd", "--root", root};
        int argc = 3;
        for (size_t k = 0; k < 4 && cases[i].words[k]; k++)
            words[argc++] = cases[i].words[k];
        if (run_words(argc, words) != CLI_USAGE)
            fail_msg("case %zu is no wrong usage: %s", i, said);
        check_says(cases[i].says);
        assert_int_equal(asked.count, 0);
    }
}

/* The last one would win, and the text of the first be gone. */
static void an_option_is_given_once(void **state)
{
    assert_int_equal(run("node", "set", "n1", "--mac", "02:00:00:00:00:01", "--mac=02:00:00:00:00:02"),
                     CLI_USAGE);
    check_says("--mac is given twice: lists have commas in between");
    const char *keys = file_of("keys", "ssh-rsa A a\n", 12);
    assert_int_equal(run("node", "set", "n1", "--authorized-keys-file", keys, "--authorized-keys-file", keys),
                     CLI_USAGE);
    check_says("given twice");
    assert_int_equal(run("serve", "--interface", "a", "--interface", "b"), CLI_DONE);
    assert_string_equal(asked.serve, "a|b|80");
    assert_int_equal(run("serve", "--http-port=8080", "--interface=b"), CLI_DONE);
    assert_string_equal(asked.serve, "b|8080");
}

static void help_for_commands_and_groups(void **state)
{
    assert_int_equal(run("help"), CLI_DONE);
    check_says("A first boot:");
    for (size_t i = 0; i < cli_command_count; i++)
        check_says(cli_commands[i].words);
    assert_int_equal(run("--help"), CLI_DONE);
    check_says("A first boot:");
    assert_int_equal(run("-h"), CLI_DONE);
    check_says("A first boot:");
    assert_int_equal(run_words(1, (const char *const[]){"bootherd"}), CLI_DONE);
    check_says("A first boot:");
    assert_int_equal(run("node", "set", "--help"), CLI_DONE);
    check_says("--password-file FILE");
    assert_int_equal(run("--help", "node", "set"), CLI_DONE);
    check_says("--password-file FILE");
    assert_int_equal(run("node", "--help"), CLI_DONE);
    check_says("bootherd node show");
    assert_null(strstr(said, "bootherd profile"));
    assert_int_equal(run("help", "image"), CLI_DONE);
    check_says("bootherd image verify");
    assert_int_equal(run("frob", "--help"), CLI_USAGE);
    check_says("\"frob\" is not a command");
    assert_int_equal(run("--version"), CLI_DONE);
    check_says("bootherd ");
}

static void texts_from_files(void **state)
{
    static const char keys[] = "# mine\n\nssh-rsa A a\r\n\r\nssh-ed25519 B b";
    static const char comma[] = "\n\n# x\nfrom=\"a,b\" ssh-rsa A a\n";
    assert_int_equal(
        run("profile", "set", "p", "--authorized-keys-file", file_of("keys", keys, sizeof keys - 1)),
        CLI_DONE);
    check_asked("profile-set|p|authorized_keys|ssh-rsa A a,ssh-ed25519 B b");
    assert_int_equal(
        run("profile", "set", "p", "--authorized-keys-file", file_of("comma", comma, sizeof comma - 1)),
        CLI_FAILED);
    check_says("comma:4: a key with a comma");
    assert_int_equal(run("node", "set", "n", "--welcome-file", file_of("welcome", "two\nlines\n", 10)),
                     CLI_DONE);
    check_asked("node-set|n|welcome|two\nlines\n");
    assert_int_equal(run("node", "set", "n", "--welcome-file", file_of("binary", "a\0b", 3)), CLI_FAILED);
    check_says("is no text");
    assert_int_equal(run("node", "set", "n", "--password-file", file_of("pw", "secret word\nrest\n", 17)),
                     CLI_DONE);
    check_asked("node-set|n|password|secret word");
    assert_int_equal(run("node", "set", "n", "--password-file", "/nonexistent/pw"), CLI_FAILED);
    check_says("/nonexistent/pw");
}

static const char fleet_yaml[] =
    "networks:\n  lab: {subnet: 10.77.0.0/24, pool: 10.77.0.100-10.77.0.199}\n"
    "profiles:\n  p: {image: esxi4, root_password_hash: "
    "\"$6$saltsalt$8RWsOfwR6M6PpnoeQiEiWzNTPo1f0HjVYjDnLZhGx16aBFRkeqiHAzfXP/LgrOWMBMXqiU2pLrXsSOHNUyUm91\", "
    "authorized_keys: [ssh-rsa AAAAB3NzaC1yc2E= me]}\n"
    "nodes:\n  n1: {mac: 52:54:00:00:00:01, ip: 10.77.0.11, profile: p, "
    "welcome: \"two\\nlines\\n\"}\n";

static void lists_and_shows(void **state)
{
    asked.answer = fleet_yaml;
    assert_int_equal(run("node", "list"), CLI_DONE);
    check_says("52:54:00:00:00:01  10.77.0.11");
    assert_int_equal(run("node", "list", "--json"), CLI_DONE);
    check_says("\"image\": \"esxi4\"");
    assert_int_equal(run("node", "show", "n1"), CLI_DONE);
    check_says("node n1\n");
    check_says("image: esxi4  # from the profile");
    check_says("root_password_hash: (set)");
    check_says("\nnext boot: image esxi4\n");
    assert_null(strstr(said, "$6$"));
    assert_int_equal(run("node", "show", "n1", "--json"), CLI_DONE);
    assert_int_equal(said[0], '{');
    check_says("\"name\": \"n1\"");
    check_says("\"boots\": \"image\"");
    check_says("\"welcome\": \"two\\nlines\\n\"");
    check_says("\"image\": \"esxi4\"");
    assert_null(strstr(said, "$6$"));
    assert_int_equal(run("network", "show", "lab", "--json"), CLI_DONE);
    check_says("\"pool\": \"10.77.0.100-10.77.0.199\"");
    assert_int_equal(run("profile", "show", "n1"), CLI_FAILED);
    check_says("there is no profile n1");
    asked.answer = "";
    assert_int_equal(run("node", "list", "--json"), CLI_DONE);
    assert_string_equal(said, "[]\n");
}

static void an_empty_store(void **state)
{
    assert_int_equal(run("image", "list"), CLI_DONE);
    check_says("is empty");
    assert_int_equal(run("image", "show", "x"), CLI_FAILED);
    check_says("is empty");
    assert_int_equal(run_words(5, (const char *const[]){"bootherd", "image", "verify", "--root", "/none/x"}),
                     CLI_FAILED);
    check_says("is empty");
    assert_int_equal(run_words(4, (const char *const[]){"bootherd", "dump", "--root", "/none/x"}),
                     CLI_FAILED);
    check_says("make the folder /none/x");
}

static void the_doctor_says_by_its_status(void **state)
{
    asked.fault = false;
    assert_int_equal(run("doctor"), CLI_DONE);
    check_says("80|0|0");
    check_says("listening");
    asked.fault = true;
    assert_int_equal(run("doctor", "--interface", "a", "--json", "--interface=b", "--http-port", "8080",
                         "--https-port=8443"),
                     CLI_FAILED);
    check_says("a|b|8080|8443|1");
    assert_null(strstr(said, "bootherd:"));
    assert_int_equal(run("doctor", "--http-port", "x"), CLI_USAGE);
}

static int setup(void **state)
{
    asked.answer = "";
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"keys", "comma", "welcome", "binary", "pw"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        unlink(path);
    }
    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(empty_values_are_values),
        cmocka_unit_test(loaders_are_imported_as_such),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(wrong_words_are_wrong_usage),
        cmocka_unit_test(an_option_is_given_once),
        cmocka_unit_test(help_for_commands_and_groups),
        cmocka_unit_test(texts_from_files),
        cmocka_unit_test(lists_and_shows),
        cmocka_unit_test(an_empty_store),
        cmocka_unit_test(the_doctor_says_by_its_status),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
