/* What hosts' agents say and ask: handed to the state process, whose answer is a short text. */
#include "proc/net_request.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct net_agent_pending *pending_find(struct net_files *files, uint64_t serial)
{
    for (size_t i = 0; i < NET_AGENTS_PENDING_MAX; i++)
        if (files->agents[(files->last_serial + i) % NET_AGENTS_PENDING_MAX].serial == serial)
            return &files->agents[(files->last_serial + i) % NET_AGENTS_PENDING_MAX];
    return NULL;
}

/* Old wget shows nothing of an answer that is not 200: what went wrong is in words, too. */
static uint64_t answer_text(boot_answer_fn *answer, void *ctx, const char *text)
{
    struct boot_file *file = boot_file_from_bytes(text, strlen(text));
    if (file) {
        file->role = BOOT_FILE_CONFIG;
        file->etag[0] = 0; /* the next answer may be another */
    }
    answer(ctx, file ? BOOT_ANSWER_FOUND : BOOT_ANSWER_FAILED, file, "out of memory");
    return 0;
}

uint64_t net_agent_open(const struct net_request *r, const char *rest)
{
    struct net_files *files = r->files;
    struct message_agent_ask ask = {.server_ip = r->asker->server_ip};
    struct mac mac;
    struct error err;
    if (r->asker->via == BOOT_VIA_TFTP)
        return net_answer(r, BOOT_ANSWER_MISSING, NULL, "agents speak HTTP");
    struct net_agent_pending *p = pending_find(files, 0);
    if (!p)
        return answer_text(r->answer, r->answer_ctx, "bad|too many hosts ask at once\n");
    const struct fleet_node *asker = net_asker_node(r, &mac);
    snprintf(ask.asker, sizeof ask.asker, "%s", asker ? asker->name : "");
    snprintf(ask.path, sizeof ask.path, "%s", rest);
    ask.serial = ++files->last_serial;
    *p = (struct net_agent_pending){ask.serial, r->answer, r->answer_ctx};
    if (files->host.ask_agent(files->host.ctx, &ask, r->asker->query, &err) == 0)
        return ask.serial;
    p->serial = 0;
    return answer_text(r->answer, r->answer_ctx, "bad|the server is out of memory\n");
}

void net_files_agent(struct net_files *files, uint64_t serial, int fd)
{
    cleanup_close int owned = fd;
    struct net_agent_pending *p = serial ? pending_find(files, serial) : NULL;
    struct stat st;
    if (!p)
        return; /* cancelled meanwhile */
    struct net_agent_pending done = *p;
    p->serial = 0;
    if (owned < 0 || fstat(owned, &st) < 0 || st.st_size <= 0) {
        answer_text(done.answer, done.answer_ctx, "bad|the server could not answer: see its log\n");
        return;
    }
    struct boot_file *file = boot_file_from_fd(TAKE_FD(owned), (uint64_t)st.st_size);
    if (file)
        file->role = BOOT_FILE_CONFIG;
    done.answer(done.answer_ctx, file ? BOOT_ANSWER_FOUND : BOOT_ANSWER_FAILED, file, "out of memory");
}

void net_agent_cancel(struct net_files *files, uint64_t handle)
{
    struct net_agent_pending *p = handle ? pending_find(files, handle) : NULL;
    if (p)
        p->serial = 0;
}
