#include "render/overlay_script.h"

#include "render/overlay_agent.h"
#include "render/overlay_parts.h"

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

/* ESXi mounts 8 NFS volumes unless told otherwise. The agent waits for what it needs. */
void overlay_script_agent(size_t nfs_count, struct buf *out)
{
    buf_append_text(out, SCRIPT_START);
    if (nfs_count > OVERLAY_NFS_DEFAULT)
        buf_format(out,
                   "esxcfg-advcfg -s %d /NFS/MaxVolumes >/dev/null 2>&1 ||\n"
                   "    logger -t bootherd 'esxcfg-advcfg does not allow more than %d datastores'\n",
                   FLEET_DATASTORES_MAX, OVERLAY_NFS_DEFAULT);
    buf_append_text(out, "sh /" OVERLAY_AGENT_PATH " start </dev/null >/dev/null 2>&1 &\n" SCRIPT_END);
}
