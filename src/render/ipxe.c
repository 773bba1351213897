#include "render/render.h"

int render_ipxe(const struct plan *plan, struct buf *out, struct error *err)
{
    return error_set(err, "iPXE scripts are not written yet");
}

int render_ipxe_message(const char *reason, bool local, struct buf *out)
{
    buf_format(out, "#!ipxe\necho %s\n%s\n", reason, local ? "exit" : "sleep 60 && reboot");
    return 0;
}
