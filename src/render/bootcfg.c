#include "render/render.h"

int render_bootcfg(const struct plan *plan, bool by_http, struct buf *out, struct error *err)
{
    return error_set(err, "boot.cfg is not written yet");
}
