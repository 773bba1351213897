#include "render/overlay_script.h"

#include "render/overlay_parts.h"

#include <string.h>

#define SCRIPT_START "#!/bin/sh\n# Made by bootherd for this node; sourced by init.\n"
#define SCRIPT_END   "return ${SUCCESS}\n"

/*
 * Uncomments the lines of the ssh service, and no prose that starts with the same letters: the second word of
 * such a line is the socket type. `sed -ie`, as in the procedure, would leave a copy named inetd.confe
 * behind.
 */
static const char script_ssh[] =
    "bootherd_inetd=/etc/inetd.conf\n"
    "bootherd_edit='s/^[[:blank:]]*#[[:blank:]]*\\(ssh[[:blank:]][[:blank:]]*stream[[:blank:]]\\)/\\1/'\n"
    "if ! sed -i -e \"$bootherd_edit\" \"$bootherd_inetd\" || ! grep -q '^ssh[[:blank:]]' "
    "\"$bootherd_inetd\"; then\n"
    "    logger -t bootherd \"no line for ssh in $bootherd_inetd: SSH stays off\"\n"
    "fi\n";

/*
 * 4.1 keeps SSH as the service TSM-SSH as well; told through hostd, it shows there and survives a refresh.
 * hostd answers minutes after init has gone on.
 */
static const char script_tsm[] =
    "if type vim-cmd >/dev/null 2>&1; then\n"
    "    (\n"
    "        bootherd_try=0\n"
    "        until vim-cmd hostsvc/hostsummary; do\n"
    "            bootherd_try=$((bootherd_try + 1))\n"
    "            [ \"$bootherd_try\" -lt 60 ] || break\n"
    "            sleep 5\n"
    "        done\n"
    "        if ! vim-cmd hostsvc/enable_remote_tsm || ! vim-cmd hostsvc/start_remote_tsm; then\n"
    "            logger -t bootherd 'hostd did not enable remote tech support mode'\n"
    "        fi\n"
    "    ) </dev/null >/dev/null 2>&1 &\n"
    "fi\n";

/*
 * esxcfg-nas -l prints "LABEL is PATH from HOST mounted" (or "unmounted"); '/' before it stands for the start
 * of the line and cannot be in a label. A label that is known but not mounted is connected again by -r.
 */
static const char script_mount[] =
    "bootherd_mounted() {\n"
    "    esxcfg-nas -l | sed 's/^/\\//' | grep -F -q -e \"/$1 is $3 from $2 mounted\"\n"
    "}\n"
    "# label, host, path, and maybe --readonly\n"
    "bootherd_mount() {\n"
    "    bootherd_mounted \"$@\" && return 0\n"
    "    bootherd_said=$(esxcfg-nas -a -o \"$2\" -s \"$3\" ${4:+\"$4\"} \"$1\" 2>&1) && return 0\n"
    "    esxcfg-nas -r\n"
    "    bootherd_mounted \"$@\" && return 0\n"
    "    logger -t bootherd \"datastore $1 ($2:$3) is not mounted: $bootherd_said\"\n"
    "    return 1\n"
    "}\n";

/* Every 10 s for 5 minutes, then every minute for a day: the file server may be slower to start than this
 * machine. */
static const char script_mount_all[] =
    "bootherd_mount_all() {\n"
    "    bootherd_round=0\n"
    "    until bootherd_datastores; do\n"
    "        bootherd_round=$((bootherd_round + 1))\n"
    "        if [ \"$bootherd_round\" -gt 1470 ]; then\n"
    "            logger -t bootherd 'datastores are missing; trying no more'\n"
    "            break\n"
    "        fi\n"
    "        if [ \"$bootherd_round\" -le 30 ]; then sleep 10; else sleep 60; fi\n"
    "    done\n"
    "}\n";

int overlay_script_quote(const char *text, const char *what, struct buf *out, struct error *err)
{
    if (overlay_check_line(text, what, err))
        return -1;
    buf_append_text(out, "'");
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            buf_append_text(out, "'\\''");
        else
            buf_append(out, p, 1);
    }
    buf_append_text(out, "'");
    return 0;
}

void overlay_script_ssh(bool tsm, struct buf *out)
{
    buf_append_text(out, SCRIPT_START);
    buf_append_text(out, script_ssh);
    if (tsm)
        buf_append_text(out, script_tsm);
    buf_append_text(out, SCRIPT_END);
}

/*
 * DHCP's option 12 is the first way; this is for a network without it. That /Misc/hostname exists in every
 * build of 3.5 to 4.1 is not certain, so a failure is told and nothing more.
 */
int overlay_script_hostname(const char *hostname, struct buf *out, struct error *err)
{
    buf_append_text(out, SCRIPT_START "esxcfg-advcfg -s ");
    if (overlay_script_quote(hostname, "the host name", out, err))
        return -1;
    buf_append_text(out, " /Misc/hostname >/dev/null 2>&1 ||\n"
                         "    logger -t bootherd 'esxcfg-advcfg does not take the host name'\n" SCRIPT_END);
    return 0;
}

static int script_put_datastore(const struct fleet_datastore *store, struct buf *out, struct error *err)
{
    if (!store->label[0] || store->label[0] == '-' || strchr(store->label, '/'))
        return error_set(err,
                         "datastore \"%s\": a label is not empty, does not start with '-' and has no '/'",
                         store->label);
    buf_append_text(out, "    bootherd_mount");
    const struct {
        const char *text, *what;
    } words[] = {{store->label, "a datastore's label"},
                 {store->host, "a datastore's host"},
                 {store->path, "a datastore's path"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        buf_append_text(out, " ");
        if (overlay_script_quote(words[i].text, words[i].what, out, err))
            return -1;
    }
    /* esxcfg-nas's own help names the long option, and esxcli has the same. */
    buf_format(out, "%s || bootherd_missing=1\n", store->read_only ? " --readonly" : "");
    return 0;
}

int overlay_script_mount_all(const struct fleet_datastore *datastores, size_t count, struct buf *out,
                             struct error *err)
{
    buf_append_text(out, "# True when every datastore is there.\n"
                         "bootherd_datastores() {\n"
                         "    bootherd_missing=0\n");
    for (size_t i = 0; i < count; i++)
        if (script_put_datastore(&datastores[i], out, err))
            return -1;
    buf_append_text(out, "    [ \"$bootherd_missing\" -eq 0 ]\n"
                         "}\n");
    buf_append_text(out, script_mount_all);
    return 0;
}

int overlay_script_datastores(const struct fleet_datastore *datastores, size_t count, struct buf *out,
                              struct error *err)
{
    buf_append_text(out, SCRIPT_START);
    buf_append_text(out, script_mount);
    if (overlay_script_mount_all(datastores, count, out, err))
        return -1;
    buf_append_text(out, "bootherd_mount_all </dev/null >/dev/null 2>&1 &\n" SCRIPT_END);
    return 0;
}
