#include "swarm/machine.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define HELPERS_MAX 2

/* What a boot file is, by its name. */
struct machine_loader {
    const char *starts; /* its name */
    enum {
        LOADER_SCRIPTED, /* reads a configuration in `language` */
        LOADER_IPXE,     /* asks by DHCP again, as iPXE */
        LOADER_PROGRAM,  /* is all there is to boot, as far as we know */
    } kind;
    enum script_language language;
    bool http;                        /* it can */
    bool sizes;                       /* asks the sizes of all files before it fetches any */
    const char *helpers[HELPERS_MAX]; /* what it fetches beside itself; may be missing */
    const struct tftp_manner *tftp;   /* NULL: the firmware's, through which it loads */
    const char *user_agent;           /* NULL: the firmware's */
};

static const struct machine_loader loaders[] = {
    {"lpxelinux",
     LOADER_SCRIPTED,
     SCRIPT_PXELINUX,
     true,
     false,
     {"ldlinux.c32"},
     &habit_pxelinux_tftp,
     "Syslinux/6.04"},
    {"pxelinux", LOADER_SCRIPTED, SCRIPT_PXELINUX, false, false, {"ldlinux.c32"}, &habit_pxelinux_tftp, NULL},
    {"mboot.efi", LOADER_SCRIPTED, SCRIPT_BOOTCFG, true, true, {NULL}, NULL, "esx-boot/2.0"},
    {"shim",
     LOADER_SCRIPTED,
     SCRIPT_GRUB,
     true,
     false,
     {"revocations.efi", "grubx64.efi"},
     &habit_grub_tftp,
     "GRUB 2.06"},
    {"grub", LOADER_SCRIPTED, SCRIPT_GRUB, true, false, {NULL}, &habit_grub_tftp, "GRUB 2.06"},
    {"undionly", LOADER_IPXE, SCRIPT_IPXE, true, false, {NULL}, NULL, NULL},
    {"snponly", LOADER_IPXE, SCRIPT_IPXE, true, false, {NULL}, NULL, NULL},
    {"ipxe", LOADER_IPXE, SCRIPT_IPXE, true, false, {NULL}, NULL, NULL},
};
static const struct machine_loader script_loader = {"",    LOADER_SCRIPTED, SCRIPT_IPXE, true,
                                                    false, {NULL},          NULL,        NULL};
static const struct machine_loader program = {"",    LOADER_PROGRAM, SCRIPT_IPXE, false,
                                              false, {NULL},         NULL,        NULL};

void machine_init(struct machine *m, const struct machine_setup *setup, const struct habit *habit,
                  const struct mac *mac)
{
    *m = (struct machine){
        .setup = setup, .habit = habit, .dhcp = {.mac = *mac, .file_needed = !setup->only_dhcp}};
}

void machine_fini(struct machine *m)
{
    script_fini(&m->script);
    buf_fini(&m->body);
    m->script = (struct script){0};
}

static enum machine_action fail(struct machine *m, const char *what, const char *why)
{
    if (why)
        snprintf(m->failure, sizeof m->failure, "%.50s: %.60s", what, why);
    else
        snprintf(m->failure, sizeof m->failure, "%.110s", what);
    machine_fini(m);
    return MACHINE_FAILED;
}

/* --- the lease --- */

enum machine_action machine_start(struct machine *m, uint32_t xid, int64_t now_us)
{
    m->boots++;
    m->failure[0] = 0;
    m->dhcp.habit = m->habit;
    m->began_us = now_us;
    m->configs = 0;
    dhcp_client_start(&m->dhcp, xid, now_us);
    return MACHINE_SAY;
}

static bool in_network(const struct machine *m, uint32_t ip)
{
    const struct herd_interface *i = &m->setup->interface;
    return ((ip ^ i->ip) & ip4_mask(i->prefix)) == 0;
}

/* A machine takes an address of the network it is in, and none that is somebody's already. */
static bool may_have(const struct machine *m, uint32_t ip)
{
    const struct herd_interface *i = &m->setup->interface;
    uint32_t host = ip & ~ip4_mask(i->prefix);
    return in_network(m, ip) && ip != i->ip && ip != m->dhcp.lease.server && host != 0 &&
           host != ~ip4_mask(i->prefix);
}

static enum machine_action bound(struct machine *m)
{
    const struct dhcp_client *c = &m->dhcp;
    report_time(m->setup->report, REPORT_OFFER, c->offered_us - c->began_us);
    report_time(m->setup->report, REPORT_ACK, c->bound_us - c->requested_us);
    if (m->setup->only_dhcp)
        return MACHINE_BOOTED;
    return c->lease.file[0] ? MACHINE_LOCAL : fail(m, "nobody named a boot file", NULL);
}

static enum machine_action dhcp_next(struct machine *m)
{
    switch (m->dhcp.state) {
    case DHCP_CLIENT_FAILED:
        return fail(m, m->dhcp.text, NULL);
    case DHCP_CLIENT_BOUND:
        return bound(m);
    case DHCP_CLIENT_DISCOVERING:
        return MACHINE_SAY;
    case DHCP_CLIENT_REQUESTING:
        if (!may_have(m, m->dhcp.lease.ip))
            return fail(m, "the address it was offered is not one of the interface's network", NULL);
        return MACHINE_SAY;
    case DHCP_CLIENT_IDLE:
    case DHCP_CLIENT_WAITING_PROXY:
        break;
    }
    return MACHINE_WAIT;
}

enum machine_action machine_answer(struct machine *m, const struct dhcp_message *answer, int64_t now_us)
{
    uint32_t server = 0;
    dhcp_get_u32(answer, DHCP_OPTION_SERVER, &server);
    if (m->setup->server && server != m->setup->server)
        return MACHINE_WAIT;
    return dhcp_client_take(&m->dhcp, answer, now_us) ? dhcp_next(m) : MACHINE_WAIT;
}

enum machine_action machine_timer(struct machine *m, int64_t now_us)
{
    return dhcp_client_timer(&m->dhcp, now_us) ? dhcp_next(m) : MACHINE_WAIT;
}

/* --- files --- */

static enum machine_action fetch(struct machine *m, const struct place *place, bool keep, int64_t now_us)
{
    const struct habit *h = m->dhcp.habit;
    const struct machine_loader *l = m->stage == MACHINE_STAGE_LOADER ? NULL : m->loader;
    bool by_firmware = !l || (!l->tftp && !l->user_agent);
    m->want =
        (struct machine_want){.place = *place,
                              .keep = keep,
                              .close = l && l->language != SCRIPT_BOOTCFG && l->language != SCRIPT_IPXE,
                              .tftp = l && l->tftp ? l->tftp : &h->tftp,
                              .user_agent = l && l->user_agent ? l->user_agent : h->user_agent,
                              .size_only = place->server.door == SCRIPT_TFTP ? h->probe && !(l && l->tftp)
                                                                             : h->head_first && by_firmware};
    m->step_us = now_us;
    if (!in_network(m, place->server.ip))
        return fail(m, "the server it was sent to is not in the interface's network", NULL);
    buf_clear(&m->body);
    return MACHINE_FETCH;
}

enum machine_action machine_local(struct machine *m, bool done, int64_t now_us)
{
    const struct script_server next = {SCRIPT_TFTP, m->dhcp.lease.next_server, PLACE_PORT_TFTP};
    if (!done)
        return fail(m, "its address could not be made one of this host", NULL);
    m->stage = MACHINE_STAGE_LOADER;
    if (!place_parse(m->dhcp.lease.file, &next, &m->boot_file))
        return fail(m, "the boot file's name is none that can be fetched", NULL);
    return fetch(m, &m->boot_file, true, now_us);
}

/* Of what may be a script or a program, only a script is kept. */
void machine_data(struct machine *m, struct slice data)
{
    if (!m->want.keep)
        return;
    if (m->body.size + data.size <= SCRIPT_SIZE_MAX)
        buf_append(&m->body, data.data, data.size);
    bool maybe = m->stage == MACHINE_STAGE_LOADER ||
                 (m->stage == MACHINE_STAGE_FILES && m->script.file[m->file].role == SCRIPT_CHAIN);
    if (maybe && m->body.size >= 16 && !script_is_ipxe(buf_slice(&m->body))) {
        m->want.keep = false;
        buf_fini(&m->body);
    }
}

/* The prefix in front of what PXELINUX names: option 210, else the boot file's folder. */
static void pxelinux_prefix(const struct machine *m, char out[static SCRIPT_PATH_MAX])
{
    const char *prefix = m->dhcp.lease.prefix;
    if (prefix[0] && (m->loader->http || !strstr(prefix, "://")))
        snprintf(out, SCRIPT_PATH_MAX, "%s", prefix);
    else
        place_folder(m->boot_file.path, out);
}

/* A name as the loader means it. */
static bool resolve(const struct machine *m, const char *name, struct place *out)
{
    char full[SCRIPT_PATH_MAX + 64];
    if (m->loader->language != SCRIPT_PXELINUX)
        return place_beside(&m->boot_file, name, out);
    pxelinux_prefix(m, full);
    snprintf(full + strlen(full), 64, "%s", name);
    return place_parse(full, &m->boot_file.server, out);
}

/* The candidate-th place where the loader looks for its configuration. False: there are no more. */
static bool config_place(const struct machine *m, struct place *out)
{
    char name[64], dashes[MAC_TEXT_SIZE];
    const struct script_server root = {SCRIPT_TFTP, m->dhcp.lease.next_server, PLACE_PORT_TFTP};
    switch (m->loader->language) {
    case SCRIPT_PXELINUX:
        return place_pxelinux_config(m->candidate, &m->dhcp.mac, m->dhcp.lease.ip, name) &&
               resolve(m, name, out);
    case SCRIPT_BOOTCFG:
        snprintf(name, sizeof name, "01-%s/boot.cfg", mac_format_dash(&m->dhcp.mac, dashes));
        return m->candidate < 2 && resolve(m, m->candidate ? "boot.cfg" : name, out);
    case SCRIPT_GRUB: /* Debian's signed GRUB has this folder built in */
        return m->candidate == 0 && place_parse("grub/grub.cfg", &root, out);
    case SCRIPT_IPXE:
        break;
    }
    return false;
}

static enum machine_action next_config(struct machine *m, int64_t now_us)
{
    struct place place;
    m->stage = MACHINE_STAGE_CONFIG;
    if (!config_place(m, &place))
        return fail(m, "the loader found no configuration", NULL);
    return fetch(m, &place, true, now_us);
}

static enum machine_action next_helper(struct machine *m, int64_t now_us)
{
    struct place place;
    m->stage = MACHINE_STAGE_HELPER;
    if (m->helper == HELPERS_MAX || !m->loader->helpers[m->helper])
        return next_config(m, now_us);
    if (!resolve(m, m->loader->helpers[m->helper], &place))
        return fail(m, "the loader's folder has too long a name", NULL);
    return fetch(m, &place, false, now_us);
}

static enum machine_action booted(struct machine *m, int64_t now_us)
{
    report_time(m->setup->report, REPORT_BOOT, now_us - m->began_us);
    machine_fini(m);
    return MACHINE_BOOTED;
}

static const struct machine_loader *loader_of(const char *path)
{
    for (size_t i = 0; i < sizeof loaders / sizeof loaders[0]; i++)
        if (text_starts(place_name(path), loaders[i].starts))
            return &loaders[i];
    return &program;
}

static enum machine_action ask_as_ipxe(struct machine *m, int64_t now_us)
{
    const char *name = m->habit->efi ? "ipxe" : "bios-ipxe";
    if (m->dhcp.habit->user_class)
        return fail(m, "iPXE was sent iPXE", NULL);
    m->dhcp.habit = habit_find(name, strlen(name));
    dhcp_client_start(&m->dhcp, m->dhcp.xid, now_us);
    return MACHINE_SAY;
}

/* --- what configurations lead to --- */

static enum machine_action next_file(struct machine *m, int64_t now_us);

static enum machine_action read_script(struct machine *m, enum script_language language, int64_t now_us)
{
    char prefix[SCRIPT_PATH_MAX];
    struct script script;
    struct error err;
    pxelinux_prefix(m, prefix);
    const struct script_asker asker = {.mac = m->dhcp.mac,
                                       .ip = m->dhcp.lease.ip,
                                       .server = m->want.place.server,
                                       .path = m->want.place.path,
                                       .next_server = m->dhcp.lease.next_server,
                                       .prefix = prefix,
                                       .http = m->loader->http,
                                       .efi = m->habit->efi};
    if (m->configs++ == MACHINE_CONFIGS_MAX)
        return fail(m, "configurations lead to each other without end", NULL);
    if (m->body.failed || script_parse(language, buf_slice(&m->body), &asker, &script, &err) < 0)
        return fail(m, "the configuration cannot be read", m->body.failed ? "out of memory" : err.text);
    machine_fini(m);
    m->script = script;
    m->file = 0;
    m->stage = m->loader->sizes && language == SCRIPT_BOOTCFG ? MACHINE_STAGE_SIZES : MACHINE_STAGE_FILES;
    if (script.count == 0)
        return fail(m, "the configuration boots nothing by the network", script.note[0] ? script.note : NULL);
    m->files_us = now_us;
    return next_file(m, now_us);
}

static enum machine_action next_file(struct machine *m, int64_t now_us)
{
    if (m->file == m->script.count && m->stage == MACHINE_STAGE_SIZES) {
        m->stage = MACHINE_STAGE_FILES;
        m->file = 0;
    }
    if (m->file == m->script.count) {
        report_time(m->setup->report, REPORT_FILES, now_us - m->files_us);
        return booted(m, now_us);
    }
    const struct script_file *f = &m->script.file[m->file];
    struct place place = {.server = f->server};
    snprintf(place.path, sizeof place.path, "%s", f->path);
    enum machine_action action =
        fetch(m, &place, f->role == SCRIPT_CONFIG || f->role == SCRIPT_CHAIN, now_us);
    m->want.size_only |= m->stage == MACHINE_STAGE_SIZES;
    return action;
}

static enum machine_action take_program(struct machine *m, int64_t now_us)
{
    m->loader =
        m->body.size && script_is_ipxe(buf_slice(&m->body)) ? &script_loader : loader_of(m->want.place.path);
    m->helper = m->candidate = 0;
    if (m->loader == &script_loader)
        return read_script(m, SCRIPT_IPXE, now_us);
    m->boot_file = m->want.place;
    if (m->loader->kind == LOADER_IPXE)
        return ask_as_ipxe(m, now_us);
    return m->loader->kind == LOADER_SCRIPTED ? next_helper(m, now_us) : booted(m, now_us);
}

static enum machine_action file_arrived(struct machine *m, int64_t now_us)
{
    const struct script_file f = m->script.file[m->file];
    static const enum report_step steps[] = {[SCRIPT_PROGRAM] = REPORT_LOADER,
                                             [SCRIPT_KERNEL] = REPORT_FILE,
                                             [SCRIPT_MODULE] = REPORT_FILE,
                                             [SCRIPT_CONFIG] = REPORT_CONFIG,
                                             [SCRIPT_CHAIN] = REPORT_CONFIG};
    report_time(m->setup->report, steps[f.role], now_us - m->step_us);
    if (f.role == SCRIPT_CONFIG)
        return read_script(m, f.language, now_us);
    if (f.role == SCRIPT_CHAIN)
        return take_program(m, now_us);
    m->file++;
    return next_file(m, now_us);
}

static enum machine_action arrived(struct machine *m, int64_t now_us)
{
    switch (m->stage) {
    case MACHINE_STAGE_LOADER:
        report_time(m->setup->report, REPORT_LOADER, now_us - m->step_us);
        return take_program(m, now_us);
    case MACHINE_STAGE_HELPER:
        report_time(m->setup->report, REPORT_LOADER, now_us - m->step_us);
        m->helper++;
        return next_helper(m, now_us);
    case MACHINE_STAGE_CONFIG:
        report_time(m->setup->report, REPORT_CONFIG, now_us - m->step_us);
        return read_script(m, m->loader->language, now_us);
    case MACHINE_STAGE_SIZES:
        m->file++;
        return next_file(m, now_us);
    case MACHINE_STAGE_FILES:
        break;
    }
    return file_arrived(m, now_us);
}

enum machine_action machine_fetched(struct machine *m, enum machine_outcome outcome, const char *text,
                                    int64_t now_us)
{
    static const char *const stages[] = {[MACHINE_STAGE_LOADER] = "the boot file",
                                         [MACHINE_STAGE_HELPER] = "a part of the loader",
                                         [MACHINE_STAGE_CONFIG] = "the configuration",
                                         [MACHINE_STAGE_SIZES] = "the size of a file",
                                         [MACHINE_STAGE_FILES] = "a kernel or module"};
    if (outcome == MACHINE_MISSING && m->stage == MACHINE_STAGE_CONFIG) {
        m->candidate++;
        return next_config(m, now_us);
    }
    if (outcome == MACHINE_MISSING && m->stage == MACHINE_STAGE_HELPER) {
        m->helper++;
        return next_helper(m, now_us);
    }
    if (outcome != MACHINE_ARRIVED)
        return fail(m, stages[m->stage], outcome == MACHINE_MISSING ? "the server has none" : text);
    if (m->want.size_only && m->stage != MACHINE_STAGE_SIZES) {
        m->want.size_only = false;
        return MACHINE_FETCH;
    }
    return arrived(m, now_us);
}
