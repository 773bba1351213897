#include "image/esxi_bank.h"

#include "image/esxi_cfg.h"
#include "image/family.h"

#include <stdlib.h>
#include <string.h>

#define INVALID     3 /* bootstate */
#define BANK_FIRST  5 /* partitions */
#define BANK_SECOND 6

static struct esxi_place place_of(const struct esxi_bank *bank)
{
    return (struct esxi_place){.parent = bank->parent, .partition = bank->partition};
}

static bool in_bank(const struct esxi_bank *bank, const struct collected *f)
{
    struct esxi_place place = place_of(bank);
    return esxi_in_place(&place, f);
}

static int find_file(struct collection *c, const struct esxi_bank *bank, const char *name,
                     struct collected **out, struct error *err)
{
    struct esxi_place place = place_of(bank);
    return esxi_cfg_find(c, &place, name, out, NULL, err);
}

/* --- choosing --- */

/* Whether a is to be preferred. */
static bool better(const struct esxi_bank *a, const struct esxi_bank *b)
{
    if (a->cfg.bootstate != b->cfg.bootstate)
        return a->cfg.bootstate < b->cfg.bootstate;
    if (a->cfg.updated != b->cfg.updated)
        return a->cfg.updated > b->cfg.updated;
    return a->partition < b->partition;
}

/* Whether this boot.cfg makes its place a candidate; if not, *why is set. */
static bool is_candidate(const struct collected *f, struct esxi_bank *bank, struct error *why)
{
    *bank = (struct esxi_bank){.parent = f->parent, .partition = f->partition, .where = f->where};
    struct error defect;
    if (esxi_cfg_read(f, &bank->cfg, &defect) < 0) {
        error_set(why, "%s: %.600s", f->where, defect.text);
        return false;
    }
    if (bank->cfg.bootstate < INVALID)
        return true;
    error_set(why, "%s: marked invalid (bootstate=%d)", f->where, bank->cfg.bootstate);
    esxi_bank_fini(bank);
    return false;
}

static bool is_cfg(const struct collected *f)
{
    return f->pick == PICK_KEEP_READ && strcasecmp(f->path, "boot.cfg") == 0;
}

static bool choose_by_cfg(struct collection *c, struct esxi_bank *best, struct error *why)
{
    bool found = false;
    for (size_t i = 0; i < c->count; i++) {
        struct esxi_bank bank;
        if (!is_cfg(&c->file[i]))
            continue;
        if (!is_candidate(&c->file[i], &bank, why)) {
            collect_note(c, "not booted from: %s", why->text);
            continue;
        }
        bool wins = !found || better(&bank, best);
        struct esxi_bank *loser = wins ? best : &bank;
        if (found) {
            collect_note(c, "%s: bootstate %d, updated %ld: the other bootbank is taken", loser->where,
                         loser->cfg.bootstate, loser->cfg.updated);
            esxi_bank_fini(loser);
        }
        if (wins)
            *best = bank;
        found = true;
    }
    return found;
}

/* The CD of 4.1 calls vmk.gz vmkernel.gz; it is stored under the name that loaders are told. */
static int find_set_file(struct collection *c, const struct esxi_bank *bank, const char *name,
                         struct collected **f, struct error *err)
{
    if (find_file(c, bank, name, f, err) < 0)
        return -1;
    return *f || strcmp(name, "vmk.gz") != 0 ? 0 : find_file(c, bank, "vmkernel.gz", f, err);
}

/* A known set, in a place without a boot.cfg (which would have had its say). */
static bool holds_set(struct collection *c, const struct esxi_bank *bank, const struct esxi_set *set)
{
    struct collected *f;
    if (find_file(c, bank, "boot.cfg", &f, NULL) < 0 || f)
        return false;
    if (find_file(c, bank, set->kernel, &f, NULL) < 0 || !f)
        return false;
    for (size_t i = 0; i < set->required; i++)
        if (find_set_file(c, bank, set->names[i], &f, NULL) < 0 || !f)
            return false;
    return true;
}

static bool choose_by_set(struct collection *c, struct esxi_bank *out)
{
    for (size_t i = 0; i < c->count; i++)
        for (size_t s = 0; s < esxi_set_count; s++) {
            const struct collected *f = &c->file[i];
            struct esxi_bank bank = {
                .parent = f->parent, .partition = f->partition, .where = f->where, .set = &esxi_sets[s]};
            if (in_bank(&bank, f) && strcasecmp(f->path, esxi_sets[s].kernel) == 0 &&
                holds_set(c, &bank, &esxi_sets[s])) {
                *out = bank;
                return true;
            }
        }
    return false;
}

static int no_bank(const struct collection *c, const struct error *why, struct error *err)
{
    if (why->text[0])
        return error_set(err, "%s; there is no other bootbank: take the vendor's original image", why->text);
    struct buf seen = BUF_INIT;
    collect_seen(c, &seen);
    error_set(
        err,
        "%s: no bootbank of ESXi 3.5 to 4.1 in it: %u partitions, no place with a boot.cfg or the known "
        "files (vmkboot.gz, vmk.gz, sys.vgz, cim.vgz): give the vendor's own medium. It holds %s",
        c->source->name, c->partitions, buf_text(&seen));
    buf_fini(&seen);
    return -1;
}

int esxi_bank_choose(struct collection *c, struct esxi_bank *out, struct error *err)
{
    struct error why = {0};
    *out = (struct esxi_bank){0};
    if (choose_by_cfg(c, out, &why))
        return 0;
    if (!choose_by_set(c, out))
        return no_bank(c, &why, err);
    collect_note(c, "%s: no boot.cfg beside it: the known order of the product is used", out->where);
    return 0;
}

static bool can_boot(struct collection *c, const struct collected *f)
{
    struct esxi_bank bank;
    struct error ignored;
    if (is_cfg(f)) {
        bool can = is_candidate(f, &bank, &ignored);
        if (can)
            esxi_bank_fini(&bank);
        return can;
    }
    bank = (struct esxi_bank){.parent = f->parent, .partition = f->partition};
    for (size_t i = 0; i < esxi_set_count; i++)
        if (strcasecmp(f->path, esxi_sets[i].kernel) == 0 && holds_set(c, &bank, &esxi_sets[i]))
            return true;
    return false;
}

bool esxi_bank_enough(struct collection *c, uint32_t parent, unsigned partition)
{
    for (size_t i = 0; partition == BANK_SECOND && i < c->count; i++) {
        const struct collected *f = &c->file[i];
        bool bank = f->partition == BANK_FIRST || f->partition == BANK_SECOND;
        if (f->parent == parent && bank && can_boot(c, f))
            return true;
    }
    return false;
}

void esxi_bank_fini(struct esxi_bank *bank)
{
    bootcfg_fini(&bank->cfg);
}

/* --- loading --- */

static int take_module(struct collection *c, struct collected *f, struct image *image, const char *name,
                       const char *options, struct error *err)
{
    return collect_take(c, f, image, name, IMAGE_ROLE_MODULE, options, err) < 0 ||
                   esxi_adopt_texts(image, f->accounts, f->inetd, name, err) < 0
               ? -1
               : 0;
}

static bool left_out(struct collection *c, const char *name)
{
    if (esxi_is_state(name))
        collect_note(c, "%s is left out: it holds one machine's settings", name);
    else if (esxi_is_installer(name))
        collect_note(c, "%s is left out: it starts the installer", name);
    else
        return false;
    return true;
}

static int load_list(struct collection *c, const struct esxi_bank *bank, struct image *image,
                     struct buf *missing, struct error *err)
{
    for (size_t i = 0; i < bank->cfg.module_count; i++) {
        const struct bootcfg_module *m = &bank->cfg.modules[i];
        const char *name = esxi_cfg_relative(m->path);
        struct collected *f;
        if (left_out(c, name))
            continue;
        if (find_file(c, bank, name, &f, err) < 0)
            return -1;
        if (!f)
            buf_format(missing, "%s%s", missing->size ? ", " : "", name);
        else if (f->taken)
            collect_note(c, "%s is in boot.cfg twice; it is loaded once", name);
        else if (take_module(c, f, image, name, m->options, err) < 0)
            return -1;
    }
    return 0;
}

/* What the vendor's boot.cfg forgets: the procedure loads these too. */
static int load_appended(struct collection *c, const struct esxi_bank *bank, struct image *image,
                         struct error *err)
{
    for (const char *const *name = esxi_appended; *name; name++) {
        struct collected *f;
        if (find_file(c, bank, *name, &f, err) < 0)
            return -1;
        if (!f || f->taken)
            continue;
        collect_note(c, "%s is not in boot.cfg: loaded after the modules that are", f->where);
        if (take_module(c, f, image, *name, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int load_by_cfg(struct collection *c, const struct esxi_bank *bank, struct image *image,
                       struct error *err)
{
    struct buf missing = BUF_INIT;
    struct collected *kernel;
    const char *name = esxi_cfg_relative(bank->cfg.kernel);
    int result = find_file(c, bank, name, &kernel, err);
    if (result == 0 && kernel)
        result = collect_take(c, kernel, image, name, IMAGE_ROLE_KERNEL, NULL, err);
    else if (result == 0)
        buf_append_text(&missing, name);
    if (result == 0)
        result = load_list(c, bank, image, &missing, err);
    if (result == 0 && missing.size)
        result =
            error_set(err, "%s lists files that are not there: %s. The medium is not complete: get it again",
                      bank->where, buf_text(&missing));
    buf_fini(&missing);
    return result < 0 ? -1 : load_appended(c, bank, image, err);
}

static int load_by_set(struct collection *c, const struct esxi_bank *bank, struct image *image,
                       struct error *err)
{
    struct collected *f;
    if (find_file(c, bank, bank->set->kernel, &f, err) < 0 ||
        collect_take(c, f, image, bank->set->kernel, IMAGE_ROLE_KERNEL, NULL, err) < 0)
        return -1;
    for (const char *const *name = bank->set->names; *name; name++)
        if (find_set_file(c, bank, *name, &f, err) < 0 ||
            (f && take_module(c, f, image, *name, NULL, err) < 0))
            return -1;
    return 0;
}

static struct collected *next_extra(struct collection *c, const struct esxi_bank *bank)
{
    struct collected *next = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct collected *f = &c->file[i];
        if (in_bank(bank, f) && f->sink_file && (!next || strcmp(f->path, next->path) < 0))
            next = f;
    }
    return next;
}

/* The rest, by name. None is loaded, so a defect costs the file and not the image. */
static int take_extras(struct collection *c, const struct esxi_bank *bank, struct image *image,
                       struct error *err)
{
    for (struct collected *f; (f = next_extra(c, bank));) {
        const char *why = f->bad                            ? f->bad
                          : esxi_is_installer(f->path)      ? "it belongs to the installer"
                          : esxi_is_state(f->path)          ? "it holds one machine's settings"
                          : !image_file_name_valid(f->path) ? "its name is none that a loader can ask for"
                          : image_find(image, f->path)      ? "another file has its name"
                                                            : NULL;
        if (why) {
            collect_note(c, "%s is left out: %s", f->where, why);
            collect_drop(c, f);
        } else if (collect_take(c, f, image, f->path, IMAGE_ROLE_EXTRA, NULL, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int esxi_bank_load(struct collection *c, const struct esxi_bank *bank, struct image *image, struct error *err)
{
    if (!bank->set)
        esxi_cfg_note_traps(c, bank->where, &bank->cfg);
    if ((bank->set ? load_by_set(c, bank, image, err) : load_by_cfg(c, bank, image, err)) < 0)
        return -1;
    return take_extras(c, bank, image, err);
}
