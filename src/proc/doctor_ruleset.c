/* The packet filter's rules, read by nftables' own library. */
#include "base/cleanup.h"
#include "base/file.h"
#include "proc/doctor_look.h"

#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 4096

/* The kernel lists the tables of iptables' old kind by name. */
static bool has_legacy(void)
{
    cleanup_buf struct buf names = BUF_INIT;
    return file_read_at(AT_FDCWD, "/proc/net/ip_tables_names", NAMES_MAX, &names, NULL) == 0 &&
           strstr(buf_text(&names), "filter") != NULL;
}

static int list_ruleset(struct nft_ctx *nft, struct doctor_facts *facts)
{
    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
    if (nft_ctx_buffer_output(nft) != 0 || nft_ctx_buffer_error(nft) != 0)
        return -1;
    if (nft_run_cmd_from_buffer(nft, "list ruleset") != 0)
        return -1;
    facts->ruleset = json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
    return facts->ruleset ? 0 : -1;
}

void doctor_look_ruleset(struct doctor_facts *facts)
{
    facts->legacy_rules = has_legacy();
    if (geteuid() != 0) {
        snprintf(facts->no_ruleset, sizeof facts->no_ruleset,
                 "only root may read its rules\nrun bootherd doctor as root");
        return;
    }
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!nft || list_ruleset(nft, facts) < 0)
        snprintf(facts->no_ruleset, sizeof facts->no_ruleset,
                 "the kernel did not list its rules (%s)\nlook by yourself: nft list ruleset; it must let in "
                 "UDP 67, 69, 4011 and TCP 80",
                 strerror(errno));
    if (nft)
        nft_ctx_free(nft);
}
