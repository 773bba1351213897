/* The inventory of hosts: versions, owners and leases, through the database and back. */
#include "state_fixture.h"

#include "base/cleanup.h"
#include "state/state_vm.h"

#include <sys/wait.h>

#define NOW    INT64_C(1700000000000)
#define MINUTE INT64_C(60000)

static const char fleet_yaml[] = "profiles:\n"
                                 "  p: {datastores: [{label: vms, nfs: 'nas:/srv/vms'}]}\n"
                                 "nodes:\n"
                                 "  n1: {mac: 02:00:00:00:00:01, ip: 10.77.0.11, profile: p}\n"
                                 "  n2: {mac: 02:00:00:00:00:02, ip: 10.77.0.12, profile: p}\n"
                                 "  n3: {mac: 02:00:00:00:00:03, ip: 10.77.0.13}\n";

static struct error err;

static struct state *open_fleet(void)
{
    struct state *s = open_state();
    set_fleet(s, fleet_yaml);
    return s;
}

static struct state *reopen(struct state *s)
{
    state_close(s);
    return open_state();
}

/* --- what hosts say --- */

static void boot(struct state *s, const char *mac, int64_t at_ms)
{
    struct boot_event event = {.kind = BOOT_EVENT_DISCOVER, .at_ms = at_ms, .text = "PXE, BIOS"};
    mac_parse(mac, &event.mac);
    assert_true(state_event(s, &event, NULL, &err) >= 0);
}

/* An overlay; its identity. */
static const char *overlay(struct state *s, const char *node, int64_t now_ms)
{
    static char identity[4][VM_IDENTITY_MAX];
    static unsigned at;
    struct state_vm_overlay got;
    int made = state_vm_overlay(s, node, "http://10.77.0.1", now_ms, &got, &err);
    if (made != 1)
        fail_msg("%s: %d %s", node, made, err.text);
    at = (at + 1) % 4;
    memcpy(identity[at], got.identity, VM_IDENTITY_MAX);
    state_vm_overlay_fini(&got);
    return identity[at];
}

/* 1, or 0 with *why. */
static int admit(struct state *s, const char *identity, const char *asker, char why[static VM_WHY_MAX])
{
    char node[FLEET_NAME_MAX];
    return state_vm_agent(s, identity, asker, NOW, node, why, &err);
}

/* machines: "FILE POWER;FILE POWER", all on vms, named after their file. The answer. */
static const char *report(struct state *s, const char *node, unsigned seq, const char *why,
                          const char *machines, int64_t now_ms)
{
    static char answer[512];
    char copy[512], *rest = NULL;
    cleanup_buf struct buf text = BUF_INIT, got = BUF_INIT, changes = BUF_INIT, conflicts = BUF_INIT;
    unsigned lines = 2;
    buf_format(&text, "report|%u|%s\nstore|vms|ok|rw\n", seq, why);
    snprintf(copy, sizeof copy, "%s", machines);
    for (char *one = strtok_r(copy, ";", &rest); one; one = strtok_r(NULL, ";", &rest), lines++) {
        char *power = strchr(one, ' ');
        *power++ = 0;
        buf_format(&text, "vm|vms|%s|%s|%s|\n", one, one, power);
    }
    buf_format(&text, "end|%u\n", lines);
    if (state_vm_agent_report(s, node, buf_slice(&text), now_ms, &got, &changes, &conflicts, &err) < 0)
        fail_msg("%s", err.text);
    snprintf(answer, sizeof answer, "%s", buf_text(&got));
    return answer;
}

static void restored(struct state *s, const char *node, int64_t now_ms)
{
    assert_int_equal(state_vm_agent_step(s, node, "restored", "", "", "all", now_ms, &err), 0);
}

/* A host that booted, restored and has these. */
static const char *host_with(struct state *s, const char *node, const char *mac, const char *machines,
                             int64_t now_ms)
{
    boot(s, mac, now_ms);
    const char *identity = overlay(s, node, now_ms);
    report(s, node, 1, "start", "", now_ms);
    restored(s, node, now_ms);
    report(s, node, 2, "change", machines, now_ms);
    return identity;
}

static const char mac1[] = "02:00:00:00:00:01", mac2[] = "02:00:00:00:00:02";

static struct state_vm_host host_of(struct state *s, const char *node)
{
    struct state_vm_host host;
    assert_true(state_vm_host(s, node, &host, &err) >= 0);
    return host;
}

static void check_owner(struct state *s, const char *node, const char *file, const char *owner)
{
    struct state_vm_owner got;
    int found = state_vm_owner(s, node, "vms", file, &got, &err);
    assert_int_equal(found, owner != NULL);
    if (owner)
        assert_string_equal(got.node, owner);
}

static void list_says(struct state *s, const char *node, const char *identity, int64_t now_ms,
                      const char *has, const char *has_not)
{
    cleanup_buf struct buf list = BUF_INIT;
    assert_int_equal(state_vm_agent_list(s, node, identity, "http://10.77.0.1", now_ms, &list, &err), 0);
    if (has && !strstr(buf_text(&list), has))
        fail_msg("no \"%s\" in:\n%s", has, buf_text(&list));
    if (has_not && strstr(buf_text(&list), has_not))
        fail_msg("\"%s\" in:\n%s", has_not, buf_text(&list));
}

/* --- tests --- */

static void identities(void **state)
{
    struct state *s = open_fleet();
    char why[VM_WHY_MAX], forged[VM_IDENTITY_MAX];
    boot(s, mac1, NOW);
    char first[VM_IDENTITY_MAX], second[VM_IDENTITY_MAX];
    strcpy(first, overlay(s, "n1", NOW));
    assert_string_equal(overlay(s, "n1", NOW + 1000), first); /* the same boot */
    assert_int_equal(admit(s, first, "n1", why), 1);
    assert_int_equal(admit(s, first, "", why), 1);
    assert_int_equal(admit(s, first, "n2", why), 0);
    assert_non_null(strstr(why, "another node"));
    strcpy(forged, first);
    forged[strlen(forged) - 1] ^= 1;
    assert_int_equal(admit(s, forged, "n1", why), 0);
    assert_int_equal(admit(s, "", "n1", why), 0);

    boot(s, mac1, NOW + 5 * MINUTE);
    assert_int_equal(admit(s, first, "n1", why), 1); /* until its overlay is given */
    strcpy(second, overlay(s, "n1", NOW + 5 * MINUTE));
    assert_string_not_equal(first, second);
    assert_int_equal(admit(s, first, "n1", why), 0);
    assert_non_null(strstr(why, "earlier boot"));
    assert_int_equal(admit(s, second, "n1", why), 1);
    s = reopen(s);
    assert_int_equal(admit(s, second, "n1", why), 1);
    assert_int_equal(admit(s, first, "n1", why), 0);
    assert_string_equal(overlay(s, "n1", NOW + 6 * MINUTE), second);
    state_close(s);
}

/* Its DHCP is another's, and no packet of it was ever seen. */
static void a_boot_that_nobody_saw(void **state)
{
    struct state *s = open_fleet();
    char first[VM_IDENTITY_MAX], why[VM_WHY_MAX];
    strcpy(first, overlay(s, "n2", NOW));
    assert_string_equal(overlay(s, "n2", NOW), first);
    assert_int_equal(admit(s, first, "", why), 1);
    boot(s, mac1, NOW); /* another node's: its number is its own */
    assert_string_not_equal(overlay(s, "n1", NOW), first);
    assert_int_equal(admit(s, first, "", why), 1);
    state_close(s);
}

static void no_agent_where_there_is_nothing_to_do(void **state)
{
    struct state *s = open_fleet();
    struct state_vm_overlay got;
    assert_int_equal(state_vm_overlay(s, "n3", "http://10.77.0.1", NOW, &got, &err), 0);
    assert_int_equal(host_of(s, "n3").list->count, 0);
    state_close(s);
}

static void reports_become_versions(void **state)
{
    struct state *s = open_fleet();
    host_with(s, "n1", mac1, "web on;db off", NOW);
    struct state_vm_host host = host_of(s, "n1");
    assert_int_equal(host.version, 1);
    assert_int_equal(host.list->count, 2);
    assert_int_equal(host.wish, 0);
    assert_int_equal(host.word_ms, NOW);
    assert_int_equal(host.lease_ms, NOW + STATE_VM_LEASE_MS);
    assert_int_equal(host.store_count, 1);
    assert_true(host.stores[0].ok);
    check_owner(s, "n1", "web", "n1");
    check_owner(s, "n2", "web", "n1"); /* the same volume */
    /* Nothing new: no version. */
    assert_string_equal(report(s, "n1", 3, "change", "web on;db off", NOW + MINUTE), "ok|0\n");
    assert_int_equal(host_of(s, "n1").version, 1);
    s = reopen(s);
    host = host_of(s, "n1");
    assert_int_equal(host.version, 1);
    assert_int_equal(host.list->count, 2);
    assert_int_equal(host.seq, 3);
    assert_int_equal(host.word_ms, NOW + MINUTE);
    check_owner(s, "n1", "db", "n1");
    state_close(s);
}

static void a_number_counts_once(void **state)
{
    struct state *s = open_fleet();
    cleanup_buf struct buf answer = BUF_INIT;
    host_with(s, "n1", mac1, "web on", NOW);
    assert_string_equal(report(s, "n1", 2, "change", "", NOW), "ok|0\n"); /* repeated: not looked at */
    assert_int_equal(host_of(s, "n1").list->count, 1);
    assert_memory_equal(report(s, "n1", 1, "change", "", NOW), "bad|late", 8);
    assert_int_equal(state_vm_agent_alive(s, "n1", 2, NOW + MINUTE, &answer, &err), 0);
    assert_string_equal(buf_text(&answer), "ok|0\n");
    assert_int_equal(host_of(s, "n1").word_ms, NOW + MINUTE);
    buf_clear(&answer);
    assert_int_equal(state_vm_agent_alive(s, "n1", 1, NOW, &answer, &err), 0);
    assert_string_equal(buf_text(&answer), "report\n");
    s = reopen(s); /* a server that has no report yet asks for one */
    buf_clear(&answer);
    assert_int_equal(state_vm_agent_alive(s, "n1", 2, NOW, &answer, &err), 0);
    assert_string_equal(buf_text(&answer), "report\n");
    state_close(s);
}

static void what_is_no_report(void **state)
{
    static const char *const bad[] = {"", "report|3|change\n", "report|3|change\nend|2\n",
                                      "report|3|change\nvm|vms|web|web|on|\nend|1\n",
                                      "vm|vms|web|web|on|\nend|1\n"};
    struct state *s = open_fleet();
    host_with(s, "n1", mac1, "web on", NOW);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cleanup_buf struct buf answer = BUF_INIT, changes = BUF_INIT, conflicts = BUF_INIT;
        struct slice text = {(const uint8_t *)bad[i], strlen(bad[i])};
        assert_int_equal(state_vm_agent_report(s, "n1", text, NOW, &answer, &changes, &conflicts, &err), 0);
        assert_memory_equal(buf_text(&answer), "bad|", 4);
    }
    assert_int_equal(host_of(s, "n1").version, 1);
    state_close(s);
}

/* An agent sends no report that is like its last, unless it is asked for. */
static void what_is_missing_is_asked_for_again(void **state)
{
    struct state *s = open_fleet();
    cleanup_buf struct buf answer = BUF_INIT;
    host_with(s, "n1", mac1, "web on;db on;x on", NOW);
    assert_string_equal(report(s, "n1", 3, "change", "web on;db on", NOW + MINUTE), "ok|0\n");
    assert_int_equal(state_vm_agent_alive(s, "n1", 3, NOW + MINUTE, &answer, &err), 0);
    assert_string_equal(buf_text(&answer), "report\n");
    assert_string_equal(report(s, "n1", 4, "change", "web on;db on", NOW + 2 * MINUTE), "ok|0\n");
    assert_int_equal(host_of(s, "n1").list->count, 2);
    struct vm_list list;
    assert_int_equal(state_vm_version_list(s, "n1", 1, &list, &err), 0);
    assert_int_equal(state_vm_change(s, "n1", &list, "uid 0", "back", NOW + 2 * MINUTE, &err), 0);
    vm_list_fini(&list);
    for (uint64_t seq = 5; seq < 9; seq++)
        report(s, "n1", seq, "change", "web on;db on", NOW + 3 * MINUTE);
    assert_int_equal(host_of(s, "n1").list->count, 3);
    assert_int_equal(host_of(s, "n1").version, 3); /* x is wanted, though the host has it not */
    state_close(s);
}

/* A stateless host comes up empty. */
static void an_empty_report_after_a_boot_takes_nothing(void **state)
{
    struct state *s = open_fleet();
    host_with(s, "n1", mac1, "web on;db on", NOW);
    boot(s, mac1, NOW + 20 * MINUTE);
    const char *identity = overlay(s, "n1", NOW + 20 * MINUTE);
    list_says(s, "n1", identity, NOW + 20 * MINUTE, "vm|vms|web|web|on|", NULL);
    for (unsigned seq = 1; seq < 6; seq++)
        assert_string_equal(report(s, "n1", seq, "start", "", NOW + (20 + seq) * MINUTE), "ok|0\n");
    struct state_vm_host host = host_of(s, "n1");
    assert_int_equal(host.version, 1);
    assert_int_equal(host.list->count, 2);
    assert_int_equal(host.restored_ms, 0);
    state_close(s);
}

static void what_an_operator_changes(void **state)
{
    struct state *s = open_fleet();
    struct vm_list next = {0};
    host_with(s, "n1", mac1, "web on;db on", NOW);
    assert_int_equal(vm_list_copy(host_of(s, "n1").list, &next, &err), 0);
    assert_true(vm_list_remove(&next, "vms", "db"));
    assert_int_equal(state_vm_change(s, "n1", &next, "uid 0", "vm forget n1/db", NOW, &err), 0);
    struct state_vm_host host = host_of(s, "n1");
    assert_int_equal(host.version, 2);
    assert_int_equal(host.wish, 1);
    assert_true(host.wish_taken < host.wish);
    check_owner(s, "n1", "db", NULL);
    check_owner(s, "n1", "web", "n1");
    /* The same again: the agent restores again, and history has no line more. */
    assert_int_equal(state_vm_change(s, "n1", &next, "uid 0", "vm restore n1", NOW, &err), 0);
    host = host_of(s, "n1");
    assert_int_equal(host.version, 2);
    assert_int_equal(host.wish, 2);
    vm_list_fini(&next);
    assert_int_equal(state_vm_version_list(s, "n1", 1, &next, &err), 0);
    assert_int_equal(next.count, 2);
    vm_list_fini(&next);
    assert_int_equal(state_vm_version_list(s, "n1", 9, &next, &err), -1);
    assert_non_null(strstr(err.text, "1 to 2"));
    assert_int_equal(state_vm_change(s, "nobody", &next, "uid 0", "x", NOW, &err), -1);
    s = reopen(s);
    assert_int_equal(host_of(s, "n1").wish, 2);
    assert_int_equal(host_of(s, "n1").list->count, 1);
    state_close(s);
}

static int count_version(void *ctx, const struct state_vm_version *version, struct error *why)
{
    uint64_t *count = ctx;
    count[0]++;
    count[1] = version->number; /* the last: the oldest */
    return 0;
}

static void fifty_versions(void **state)
{
    struct state *s = open_fleet();
    uint64_t count[2] = {0};
    for (unsigned i = 0; i < STATE_VM_VERSIONS_MAX + 7; i++) {
        struct vm_list list = {0};
        char label[] = "vms", file[] = "web", name[] = "a", none[] = "";
        struct vm vm = {.label = label, .file = file, .name = name, .id = none, .why = none};
        name[0] = (char)('a' + i % 2);
        assert_int_equal(vm_list_add(&list, &vm, &err), 0);
        assert_int_equal(state_vm_change(s, "n1", &list, "uid 0", "test", NOW, &err), 0);
        vm_list_fini(&list);
    }
    assert_int_equal(state_vm_versions(s, "n1", count, count_version, &err), 0);
    assert_int_equal(count[0], STATE_VM_VERSIONS_MAX);
    assert_int_equal(count[1], 8);
    state_close(s);
}

/* Two hosts, one machine: the list of the second has it as held until the first's lease is over. */
static void one_owner(void **state)
{
    struct state *s = open_fleet();
    struct vm_list next = {0};
    host_with(s, "n1", mac1, "web on", NOW);
    assert_int_equal(vm_list_copy(host_of(s, "n1").list, &next, &err), 0);
    assert_int_equal(state_vm_change(s, "n2", &next, "uid 0", "test", NOW, &err), 0);
    vm_list_fini(&next);
    check_owner(s, "n2", "web", "n1");
    boot(s, mac2, NOW + MINUTE);
    const char *identity = overlay(s, "n2", NOW + MINUTE);
    list_says(s, "n2", identity, NOW + MINUTE, "held|vms|web|", "vm|vms|web|");
    /* Somebody starts it there by hand. */
    report(s, "n2", 1, "start", "web on", NOW + 2 * MINUTE);
    check_owner(s, "n2", "web", "n1");
    struct state_vm_host host = host_of(s, "n2");
    assert_int_equal(host.conflict_count, 1);
    assert_non_null(strstr(host.conflicts[0], "n1"));
    /* The first one is silent: ten minutes after its last word it is nobody's but who starts it. */
    list_says(s, "n2", identity, NOW + STATE_VM_LEASE_MS, "vm|vms|web|", "held|");
    check_owner(s, "n2", "web", "n2");
    /* It comes back, and finds it taken. */
    boot(s, mac1, NOW + STATE_VM_LEASE_MS + MINUTE);
    identity = overlay(s, "n1", NOW + STATE_VM_LEASE_MS + MINUTE);
    list_says(s, "n1", identity, NOW + STATE_VM_LEASE_MS + MINUTE, "held|vms|web|", "vm|vms|web|");
    state_close(s);
}

/* A report of another's machine is told, not taken; a machine that is merely registered never is. */
static void a_report_takes_no_other_hosts_machine(void **state)
{
    struct state *s = open_fleet();
    host_with(s, "n1", mac1, "web on", NOW);
    host_with(s, "n2", mac2, "web on;own on", NOW + MINUTE);
    struct state_vm_host host = host_of(s, "n2");
    assert_int_equal(host.list->count, 1);
    assert_int_equal(host.conflict_count, 1);
    check_owner(s, "n2", "web", "n1");
    report(s, "n2", 3, "change", "web off;own on", NOW + 60 * MINUTE);
    assert_int_equal(host_of(s, "n2").list->count, 1);
    report(s, "n2", 4, "change", "web on;own on", NOW + 60 * MINUTE); /* the owner's lease is over */
    assert_int_equal(host_of(s, "n2").list->count, 2);
    check_owner(s, "n1", "web", "n2");
    state_close(s);
}

static void a_server_that_was_away_takes_no_lease_from_anybody(void **state)
{
    struct state *s = open_fleet();
    struct state_vm_owner owner;
    host_with(s, "n1", mac1, "web on", NOW);
    s = reopen(s);
    state_vm_serving(s, NOW + 300 * MINUTE);
    assert_int_equal(state_vm_owner(s, "n2", "vms", "web", &owner, &err), 1);
    assert_int_equal(owner.lease_ms, NOW + 300 * MINUTE + STATE_VM_LEASE_MS);
    state_close(s);
}

static int move(struct state *s, const char *from, const char *to, bool take, int64_t now_ms, size_t *moved)
{
    struct state_vm_move one = {.from = from, .to = to, .take = take, .who = "uid 0", .now_ms = now_ms};
    return state_vm_move(s, &one, moved, &err);
}

static void moving(void **state)
{
    struct state *s = open_fleet();
    size_t moved;
    host_with(s, "n1", mac1, "web on;db off", NOW);
    assert_int_equal(move(s, "n1", "n2", false, NOW + MINUTE, &moved), -1);
    assert_non_null(strstr(err.text, "may be running on n1"));
    assert_int_equal(host_of(s, "n1").list->count, 2);
    assert_int_equal(move(s, "n1", "n3", true, NOW + MINUTE, &moved), -1);
    assert_non_null(strstr(err.text, "does not have"));
    assert_int_equal(move(s, "n1", "n9", true, NOW, &moved), -1);
    assert_int_equal(move(s, "n1", "n1", true, NOW, &moved), -1);
    assert_int_equal(move(s, "n2", "n1", true, NOW, &moved), -1); /* nothing known of it */

    struct state_vm_move one = {.from = "n1",
                                .to = "n2",
                                .count = 1,
                                .who = "uid 0",
                                .now_ms = NOW + MINUTE,
                                .vms = &(struct state_vm_name){"vms", "db"}};
    one.dry_run = true;
    assert_int_equal(state_vm_move(s, &one, &moved, &err), 0);
    assert_int_equal(moved, 1);
    assert_int_equal(host_of(s, "n1").list->count, 2);
    one.dry_run = false; /* it is off */
    assert_int_equal(state_vm_move(s, &one, &moved, &err), 0);
    assert_int_equal(host_of(s, "n1").list->count, 1);
    assert_int_equal(host_of(s, "n2").list->count, 1);
    assert_int_equal(host_of(s, "n1").wish, 1);
    assert_int_equal(host_of(s, "n2").wish, 1);
    check_owner(s, "n1", "db", "n2");

    assert_int_equal(move(s, "n1", "n2", true, NOW + MINUTE, &moved), 0);
    s = reopen(s);
    assert_int_equal(host_of(s, "n1").list->count, 0);
    assert_int_equal(host_of(s, "n2").list->count, 2);
    check_owner(s, "n1", "web", "n2");
    state_close(s);
}

/* A node that is gone leaves its machines for the one that takes its place. */
static void an_orphan(void **state)
{
    struct state *s = open_fleet();
    struct state_vm_restore plan;
    char why[VM_WHY_MAX], identity[VM_IDENTITY_MAX];
    size_t moved;
    strcpy(identity, host_with(s, "n1", mac1, "web on", NOW));
    set_fleet(s, "profiles:\n  p: {datastores: [{label: store1, nfs: 'nas:/srv/vms'}]}\n"
                 "nodes:\n  n2: {mac: 02:00:00:00:00:02, profile: p}\n");
    assert_int_equal(admit(s, identity, "", why), 0);
    assert_true(host_of(s, "n1").is_orphan);
    assert_int_equal(state_vm_restore(s, "n1", NOW, &plan, &err), -1);
    assert_int_equal(move(s, "n1", "n2", false, NOW + MINUTE, &moved), -1);
    assert_int_equal(move(s, "n1", "n2", true, NOW + MINUTE, &moved), 0);
    assert_int_equal(moved, 1);
    assert_string_equal(host_of(s, "n2").list->vms[0].label, "store1"); /* what it calls the volume */
    struct state_vm_owner owner;
    assert_int_equal(state_vm_owner(s, "n2", "store1", "web", &owner, &err), 1);
    assert_string_equal(owner.node, "n2");
    assert_int_equal(state_vm_forget(s, "n1", &err), 1);
    assert_int_equal(state_vm_forget(s, "n1", &err), 0);
    struct state_vm_host host;
    assert_int_equal(state_vm_host(s, "n1", &host, &err), 0);
    s = reopen(s);
    assert_int_equal(state_vm_host(s, "n1", &host, &err), 0);
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM vm_version WHERE node = 'n1'"), 0);
}

/* What was answered `ok` is there after a kill; nothing is closed in order. */
static void a_kill_loses_nothing_that_was_accepted(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(20); /* what fails there must not go on as this test */
        struct state *s = open_fleet();
        host_with(s, "n1", mac1, "web on;db off", NOW);
        restored(s, "n1", NOW + MINUTE);
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct state *s = open_state();
    assert_int_equal(host_of(s, "n1").list->count, 2);
    assert_int_equal(host_of(s, "n1").version, 1);
    assert_int_equal(host_of(s, "n1").restored_ms, NOW + MINUTE);
    check_owner(s, "n1", "web", "n1");
    state_close(s);
}

/* The overlay's identity was given, and the server was killed before it wrote so. */
static void an_identity_outlives_the_server(void **state)
{
    int pair[2];
    char identity[VM_IDENTITY_MAX] = "", why[VM_WHY_MAX];
    assert_int_equal(pipe(pair), 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(20); /* what fails there must not go on as this test */
        struct state *s = open_fleet();
        boot(s, mac1, NOW);
        const char *made = overlay(s, "n1", NOW);
        _exit(write(pair[1], made, strlen(made) + 1) < 0);
    }
    int status;
    close(pair[1]);
    waitpid(child, &status, 0);
    assert_true(read(pair[0], identity, sizeof identity) > 0);
    close(pair[0]);
    struct state *s = open_state();
    assert_int_equal(admit(s, identity, "n1", why), 1);
    assert_string_equal(report(s, "n1", 1, "start", "web on", NOW), "ok|0\n");
    assert_string_equal(overlay(s, "n1", NOW), identity);
    boot(s, mac1, NOW + 10 * MINUTE);
    assert_string_not_equal(overlay(s, "n1", NOW + 10 * MINUTE), identity);
    state_close(s);
}

static void ten_thousand(void **state)
{
    struct state *s = open_fleet();
    cleanup_buf struct buf text = BUF_INIT, answer = BUF_INIT, changes = BUF_INIT, conflicts = BUF_INIT;
    boot(s, mac1, NOW);
    const char *identity = overlay(s, "n1", NOW);
    buf_append_text(&text, "report|1|start\nstore|vms|ok|rw\n");
    for (unsigned i = 0; i < VM_LIST_MAX; i++)
        buf_format(&text,
                   "vm|vms|folder %u/[web] %u.vmx|w\xc3\xa9"
                   "b %%0A%u|on|\n",
                   i, i, i);
    buf_format(&text, "end|%u\n", VM_LIST_MAX + 2);
    assert_int_equal(
        state_vm_agent_report(s, "n1", buf_slice(&text), NOW, &answer, &changes, &conflicts, &err), 0);
    assert_string_equal(buf_text(&answer), "ok|0\n");
    assert_int_equal(host_of(s, "n1").list->count, VM_LIST_MAX);
    list_says(s, "n1", identity, NOW, "vm|vms|folder 9999/[web] 9999.vmx|", "held|");
    s = reopen(s);
    assert_int_equal(host_of(s, "n1").list->count, VM_LIST_MAX);
    state_close(s);
}

static void a_secret_that_is_damaged(void **state)
{
    struct state *s = open_fleet();
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT length(secret) FROM vm_secret"), 2 * VM_SECRET_SIZE);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "UPDATE vm_secret SET secret = 'x'", NULL, NULL, NULL);
    sqlite3_close(db);
    s = NULL;
    assert_int_equal(state_open(path, &s, &err), -1);
    assert_non_null(strstr(err.text, "vm_secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identities),
        TEST(a_boot_that_nobody_saw),
        TEST(no_agent_where_there_is_nothing_to_do),
        TEST(reports_become_versions),
        TEST(a_number_counts_once),
        TEST(what_is_no_report),
        TEST(what_is_missing_is_asked_for_again),
        TEST(an_empty_report_after_a_boot_takes_nothing),
        TEST(what_an_operator_changes),
        TEST(fifty_versions),
        TEST(one_owner),
        TEST(a_report_takes_no_other_hosts_machine),
        TEST(a_server_that_was_away_takes_no_lease_from_anybody),
        TEST(moving),
        TEST(an_orphan),
        TEST(a_kill_loses_nothing_that_was_accepted),
        TEST(an_identity_outlives_the_server),
        TEST(ten_thousand),
        TEST(a_secret_that_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
