#include "proc/doctor_packet.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Packets as packet sockets take them. The xid and MAC asked for are those the packet says, so that what is
 * behind them is reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct doctor_offer offer, sum = {0};
    struct mac mac = {{0}};
    uint32_t ip, xid = 0;
    struct slice packet = {data, size};
    size_t header = size ? (data[0] & 15u) * 4u + 8u : 0;
    if (size >= header + 34) {
        for (size_t i = 0; i < 4; i++)
            xid = xid << 8 | data[header + 4 + i];
        memcpy(mac.byte, data + header + 28, MAC_SIZE);
    }
    if (doctor_offer_parse(packet, xid, &mac, &offer))
        doctor_offer_merge(&sum, &offer);
    if (memchr(sum.file, '\033', strlen(sum.file)))
        __builtin_trap();
    doctor_arp_parse(packet, &ip, &mac);
    return 0;
}
