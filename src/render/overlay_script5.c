#include "render/overlay_script5.h"

#include "render/overlay_agent.h"
#include "render/overlay_script.h"

#include <string.h>

static const char script_start[] = "# Made by bootherd for this node; sourced at the end of the boot.\n"
                                   "bootherd_log() {\n"
                                   "    logger -t bootherd \"$1\"\n"
                                   "}\n"
                                   "# Runs a command until it works: every 2 s, for a minute.\n"
                                   "bootherd_try() {\n"
                                   "    bootherd_left=30\n"
                                   "    until bootherd_said=$(\"$@\" 2>&1); do\n"
                                   "        bootherd_left=$((bootherd_left - 1))\n"
                                   "        if [ \"$bootherd_left\" -eq 0 ]; then\n"
                                   "            bootherd_log \"$* failed: $bootherd_said\"\n"
                                   "            return 1\n"
                                   "        fi\n"
                                   "        sleep 2\n"
                                   "    done\n"
                                   "}\n";

/* Writes into the file rather than over it, so that its mode stays. One process only, or one would read what
 * the other has just emptied. */
static const char script_root[] =
    "# /etc/shadow with root's field as this node's settings say.\n"
    "bootherd_shadow() {\n"
    "    bootherd_found=\n"
    "    while IFS= read -r bootherd_line || [ -n \"$bootherd_line\" ]; do\n"
    "        case $bootherd_line in\n"
    "        root:*:*)\n"
    "            bootherd_line=root:$bootherd_hash:${bootherd_line#root:*:}\n"
    "            bootherd_found=yes\n"
    "            ;;\n"
    "        esac\n"
    "        printf '%s\\n' \"$bootherd_line\"\n"
    "    done </etc/shadow\n"
    "    [ -n \"$bootherd_found\" ] || printf 'root:%s:14000:0:99999:7:::\\n' \"$bootherd_hash\"\n"
    "}\n"
    "bootherd_root() {\n"
    "    read -r bootherd_hash </" OVERLAY_ROOT_PATH " || return 1\n"
    "    bootherd_want=$(bootherd_shadow)\n"
    "    [ \"$bootherd_want\" != \"$(cat /etc/shadow)\" ] || return 0\n"
    "    if printf '%s\\n' \"$bootherd_want\" >/etc/shadow; then\n"
    "        bootherd_log \"something had changed root's password in /etc/shadow: it is put back\"\n"
    "    else\n"
    "        bootherd_log \"/etc/shadow cannot be written: root's password is not the one that was set\"\n"
    "    fi\n"
    "}\n"
    "# For ten minutes; later changes are an operator's.\n"
    "bootherd_watch_root() {\n"
    "    bootherd_left=120\n"
    "    while [ \"$bootherd_left\" -gt 0 ]; do\n"
    "        bootherd_root\n"
    "        bootherd_left=$((bootherd_left - 1))\n"
    "        sleep 5\n"
    "    done\n"
    "}\n";

static const char script_hostd[] = "# hostd may answer minutes later than this starts.\n"
                                   "bootherd_wait_for_hostd() {\n"
                                   "    bootherd_left=60\n"
                                   "    until vim-cmd hostsvc/hostsummary; do\n"
                                   "        bootherd_left=$((bootherd_left - 1))\n"
                                   "        if [ \"$bootherd_left\" -eq 0 ]; then\n"
                                   "            bootherd_log 'hostd does not answer: going on without it'\n"
                                   "            bootherd_cli=localcli\n"
                                   "            return\n"
                                   "        fi\n"
                                   "        sleep 5\n"
                                   "    done\n"
                                   "    bootherd_cli=esxcli\n"
                                   "}\n";

/* A vendor's root has an empty password, which SSH would let everybody use. */
static const char script_ssh[] =
    "bootherd_ssh() {\n"
    "    if ! grep -q '^root:[^:]' /etc/shadow; then\n"
    "        bootherd_log 'root has no password: SSH stays off'\n"
    "        return\n"
    "    fi\n"
    "    if ! { vim-cmd hostsvc/enable_ssh && vim-cmd hostsvc/start_ssh; }; then\n"
    "        bootherd_try chkconfig SSH on\n"
    "        bootherd_try /etc/init.d/SSH start\n"
    "    fi\n"
    "    bootherd_try \"$bootherd_cli\" network firewall ruleset set --ruleset-id=sshServer --enabled=true\n"
    "}\n";

bool overlay_script5_needed(const struct overlay_script5 *what)
{
    return what->hostname || what->vlan || what->root || what->ssh || what->agent;
}

static void script5_put_limit(const char *option, size_t count, struct buf *out)
{
    if (count > OVERLAY_NFS_DEFAULT)
        buf_format(out, "    bootherd_try localcli system settings advanced set --option=%s --int-value=%d\n",
                   option, FLEET_DATASTORES_MAX);
}

/*
 * The firewall lets nothing out but what is named, wget's requests neither. The agent is read by sh: 8.0 may
 * deny executing what no VIB brought.
 */
static void script5_put_agent(const struct overlay_script5 *what, struct buf *out)
{
    buf_append_text(out, "bootherd_agent() {\n"
                         "    bootherd_try localcli network firewall ruleset set --ruleset-id=httpClient "
                         "--enabled=true\n");
    script5_put_limit("/NFS/MaxVolumes", what->nfs_count, out);
    script5_put_limit("/NFS41/MaxVolumes", what->nfs41_count, out);
    buf_append_text(out, "    sh /" OVERLAY_AGENT_PATH " start\n"
                         "}\n");
}

/* The definitions that bootherd_main will want. */
static void script5_put_parts(const struct overlay_script5 *what, struct buf *out)
{
    buf_append_text(out, script_start);
    if (what->root)
        buf_append_text(out, script_root);
    if (what->ssh) {
        buf_append_text(out, script_hostd);
        buf_append_text(out, script_ssh);
    }
    if (what->agent)
        script5_put_agent(what, out);
}

static int script5_put_hostname(const char *hostname, struct buf *out, struct error *err)
{
    buf_format(out, "    bootherd_try localcli system hostname set %s=",
               strchr(hostname, '.') ? "--fqdn" : "--host");
    if (overlay_script_quote(hostname, "the host name", out, err))
        return -1;
    buf_append_text(out, "\n");
    return 0;
}

/* In order of need: who may log in, the network, then what waits for hostd. */
static int script5_put_main(const struct overlay_script5 *what, struct buf *out, struct error *err)
{
    buf_append_text(out, "bootherd_main() {\n");
    buf_append_text(out, what->root ? "    bootherd_root\n" : "");
    if (what->vlan)
        buf_format(out,
                   "    bootherd_try localcli network vswitch standard portgroup set "
                   "-p 'Management Network' -v %u\n",
                   what->vlan);
    if (what->hostname && script5_put_hostname(what->hostname, out, err))
        return -1;
    buf_append_text(out, what->agent ? "    bootherd_agent &\n" : "");
    if (what->ssh)
        buf_format(out, "    bootherd_wait_for_hostd\n%s    bootherd_ssh\n",
                   what->root ? "    bootherd_root\n" : "");
    buf_append_text(out, what->root ? "    bootherd_watch_root\n" : "");
    buf_append_text(out, "}\n"
                         "bootherd_main </dev/null >/dev/null 2>&1 &\n");
    return 0;
}

int overlay_script5(const struct overlay_script5 *what, struct buf *out, struct error *err)
{
    script5_put_parts(what, out);
    return script5_put_main(what, out, err);
}
