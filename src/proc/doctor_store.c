/* The --root folder, the fleet that state keeps in it, and the images that its nodes name. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "fleet/fleet_yaml.h"
#include "proc/ask.h"
#include "proc/doctor_look.h"
#include "proc/loaders.h"
#include "proc/role.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct doctor_facts *doctor_facts_new(void)
{
    struct doctor_facts *facts = calloc(1, sizeof *facts);
    if (!facts || !(facts->fleet = fleet_new()) || fleet_finish(facts->fleet, NULL) < 0) {
        doctor_facts_free(facts);
        return NULL;
    }
    facts->now_ms = clock_wall_ms();
    return facts;
}

void doctor_facts_free(struct doctor_facts *facts)
{
    if (!facts)
        return;
    for (size_t i = 0; i < facts->image_count; i++)
        image_free(facts->image[i].image);
    json_decref(facts->ruleset);
    fleet_free(facts->fleet);
    free(facts);
}

static void look_folder(int fd, struct doctor_folder *f)
{
    struct stat st;
    struct statvfs fs;
    gid_t group;
    f->exists = true;
    f->root = geteuid() == 0;
    if (f->root)
        role_user(&f->wanted, &group);
    else
        f->wanted = geteuid();
    if (fstat(fd, &st) == 0) {
        f->owner = st.st_uid;
        f->mode = st.st_mode;
    }
    if (fstatvfs(fd, &fs) == 0)
        f->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* Of state, which reads them when a node asks: the fleet without secrets does not say which they are. */
static void look_files(int fd, struct doctor_facts *facts)
{
    static const char *const words[] = {"files-missing"};
    const struct ask ask = {.words = words, .word_count = 1};
    cleanup_buf struct buf names = BUF_INIT;
    struct error ignored; /* a server of an earlier version does not know the question */
    if (ask_state(fd, &ask, &names, &ignored) < 0)
        return;
    for (const char *name = buf_text(&names); *name && facts->missing_count < DOCTOR_MISSING_MAX;) {
        size_t size = strcspn(name, "\n");
        snprintf(facts->missing[facts->missing_count++], FLEET_NAME_MAX, "%.*s", (int)size, name);
        name += size + (name[size] == '\n');
    }
}

/* Asking starts a state process if no server runs, which would make a database: not here. */
static void look_fleet(int fd, struct doctor_facts *facts)
{
    static const char *const words[] = {"dump", "without-secrets"};
    const struct ask ask = {.words = words, .word_count = 2};
    cleanup_buf struct buf text = BUF_INIT;
    struct error err = {0};
    struct stat st;
    struct fleet *fleet;
    if (fstatat(fd, "state.db", &st, 0) < 0) {
        if (errno != ENOENT)
            snprintf(facts->no_fleet, sizeof facts->no_fleet, "%s\nrun bootherd doctor as root",
                     strerror(errno));
        return;
    }
    if (ask_state(fd, &ask, &text, &err) < 0 ||
        fleet_parse_yaml("the fleet", buf_slice(&text), &fleet, &err) < 0) {
        text_scrub(err.text, strlen(err.text), "");
        snprintf(facts->no_fleet, sizeof facts->no_fleet, "%.900s%s", err.text,
                 geteuid() == 0 ? "" : "\nrun bootherd doctor as root");
        return;
    }
    fleet_free(facts->fleet);
    facts->fleet = fleet;
    look_files(fd, facts);
}

static void look_image(struct store *store, const char *name, struct doctor_facts *facts)
{
    struct store_entry entry;
    struct error err = {0};
    for (size_t i = 0; i < facts->image_count; i++)
        if (strcmp(facts->image[i].name, name) == 0)
            return;
    if (facts->image_count == DOCTOR_IMAGES_MAX)
        return;
    struct doctor_image *image = &facts->image[facts->image_count++];
    image->name = name;
    if (!store || store_find(store, name, &entry, &err) < 0) {
        image->missing = !store || err.code == ENOENT;
        snprintf(image->why, sizeof image->why, "%s", image->missing ? "it is not in the store" : err.text);
        return;
    }
    image->manifest = entry.manifest;
    if (store_load(store, &entry.manifest, &image->image, &err) == 0 &&
        store_files_check(store, image->image, &err) == 0)
        return;
    error_wrap(&err, "image %s", name);
    snprintf(image->why, sizeof image->why, "%s", err.text);
}

/* What Debian's packages bring is taken into the store when `serve` starts. */
static void look_loaders(struct store *store, struct doctor_facts *facts)
{
    cleanup_close int system_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (system_fd >= 0)
        facts->loaders = loaders_installed(system_fd);
    for (enum plan_loader i = PLAN_LOADER_NONE + 1; store && i < PLAN_LOADERS; i++) {
        struct store_entry entry;
        if (store_find(store, plan_loader_name(i), &entry, NULL) == 0)
            facts->loaders |= 1u << i;
    }
}

static void look_images(int fd, struct doctor_facts *facts)
{
    struct store *store = NULL;
    struct error err = {0};
    if (fd >= 0 && store_open(fd, false, &store, &err) < 0 && err.code != ENOENT && !facts->folder.why[0])
        snprintf(facts->folder.why, sizeof facts->folder.why, "%.200s", err.text);
    for (size_t i = 0; i < facts->fleet->node_count; i++) {
        const struct fleet_settings s = fleet_effective(facts->fleet, &facts->fleet->nodes[i]);
        if (s.image)
            look_image(store, s.image, facts);
    }
    look_loaders(store, facts);
    if (store)
        store_close(store);
}

void doctor_look_store(const char *path, struct doctor_facts *facts)
{
    facts->folder.path = path;
    cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) {
        snprintf(facts->folder.why, sizeof facts->folder.why, "%s", strerror(errno));
        snprintf(facts->no_fleet, sizeof facts->no_fleet, "%s: %s\nrun bootherd doctor as root", path,
                 strerror(errno));
    } else if (fd >= 0) {
        look_folder(fd, &facts->folder);
        facts->server = ask_server(fd);
        look_fleet(fd, facts);
    }
    look_images(fd, facts);
}
