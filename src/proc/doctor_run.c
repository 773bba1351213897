#include "proc/doctor_run.h"

#include "base/cleanup.h"
#include "proc/doctor_look.h"
#include "proc/doctor_probe.h"
#include "proc/role.h"

#include <errno.h>
#include <stdio.h>

/* What is heard was written by anybody: it is read without privileges, and without a file within reach. */
static int ask_around(struct doctor_probe *probe, struct doctor_facts *facts, void *ctx,
                      void (*note)(void *ctx, const char *line), struct error *err)
{
    char line[128];
    cleanup_close int empty = role_empty_folder(err);
    if (empty < 0 || role_drop(empty, err) < 0)
        return -1;
    snprintf(line, sizeof line, "listening for other DHCP servers for %d s ...", DOCTOR_LISTEN_MS / 1000);
    note(ctx, line);
    doctor_probe_run(probe, facts);
    return 0;
}

static int look_and_ask(const char *root, const struct cli_doctor_options *options, void *ctx,
                        void (*note)(void *ctx, const char *line), struct doctor_facts *facts,
                        struct error *err)
{
    doctor_look_store(root, facts);
    if (doctor_look_interfaces(options->interfaces, options->interface_count, facts, err) < 0)
        return -1;
    facts->https_port = options->https_port;
    doctor_look_ports(options->http_port, options->https_port, facts);
    doctor_look_ruleset(facts);
    struct doctor_probe *probe = doctor_probe_open(facts);
    int result = probe ? ask_around(probe, facts, ctx, note, err) : 0;
    doctor_probe_free(probe);
    return result;
}

int doctor_run(const char *root, const struct cli_doctor_options *options, void *ctx,
               void (*note)(void *ctx, const char *line), struct buf *out, bool *fault, struct error *err)
{
    struct doctor_report report = {0};
    struct doctor_facts *facts = doctor_facts_new();
    if (!facts)
        return error_errno(err, ENOMEM, "doctor");
    int result = look_and_ask(root, options, ctx, note, facts, err);
    if (result == 0) {
        doctor_judge(facts, &report);
        *fault = doctor_count(&report, DOCTOR_FAULT) > 0;
        result = (options->json ? doctor_json : doctor_text)(&report, out, err);
    }
    doctor_report_fini(&report);
    doctor_facts_free(facts);
    return result;
}
