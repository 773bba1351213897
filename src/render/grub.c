#include "render/render.h"

int render_grub(const struct plan *plan, enum render_grub_way way, struct buf *out, struct error *err)
{
    return error_set(err, "GRUB configs are not written yet");
}

int render_grub_message(const char *reason, bool local, struct buf *out)
{
    buf_format(out, "echo '%s'\n%s\n", reason, local ? "exit" : "sleep 60; reboot");
    return 0;
}
