"""All rows, in the order of the table."""
from rows import boot, dhcp, fleet, http, images, importing, overlays, tftp

ROWS = (importing.ROWS + tftp.ROWS + dhcp.ROWS + http.ROWS + overlays.ROWS + fleet.ROWS + boot.ROWS + images.ROWS)
