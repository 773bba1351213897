/* What the firmware, or iPXE, tells of the way that this program came: a device path and perhaps DHCP's
 * packets. */
#include "mboot.h"

#define MAC_NODE  ((MESSAGING_DEVICE_PATH << 8) | MSG_MAC_ADDR_DP)
#define IPV4_NODE ((MESSAGING_DEVICE_PATH << 8) | MSG_IPv4_DP)
#define URI_NODE  ((MESSAGING_DEVICE_PATH << 8) | MSG_URI_DP)

#define DHCP_MAGIC     4u
#define DHCP_SERVER    54
#define DHCP_BOOT_FILE 67
#define DHCP_END       255

static void append_hex(char *text, size_t size, uint8_t byte)
{
    const char *digits = "0123456789abcdef";

    text_append_part(text, size, digits + (byte >> 4), 1);
    text_append_part(text, size, digits + (byte & 15), 1);
}

static void read_mac(struct origin *origin, const MAC_ADDR_DEVICE_PATH *node)
{
    origin->mac_folder[0] = 0;
    append_hex(origin->mac_folder, sizeof(origin->mac_folder), node->IfType);
    for (size_t i = 0; i < 6; i++) {
        text_append(origin->mac_folder, sizeof(origin->mac_folder), "-");
        append_hex(origin->mac_folder, sizeof(origin->mac_folder), node->MacAddress.Addr[i]);
    }
}

static size_t node_size(const EFI_DEVICE_PATH *node)
{
    return (size_t)DevicePathNodeLength(node);
}

static void read_uri(struct origin *origin, const EFI_DEVICE_PATH *node)
{
    char url[PATH_MAX] = "";

    text_append_part(url, sizeof(url), (const char *)(node + 1), node_size(node) - sizeof(*node));
    path_folder(origin->folder, url);
}

void origin_read_path(struct origin *origin, EFI_DEVICE_PATH *node)
{
    for (; !IsDevicePathEnd(node); node = NextDevicePathNode(node)) {
        const IPv4_DEVICE_PATH *ip = (const void *)node;

        switch (DevicePathType(node) << 8 | DevicePathSubType(node)) {
        case MAC_NODE:
            read_mac(origin, (const void *)node);
            break;
        case IPV4_NODE:
            origin->address = ip->LocalIpAddress;
            if (node_size(node) >= __builtin_offsetof(IPv4_DEVICE_PATH, SubnetMask) + 4)
                origin->netmask = ip->SubnetMask;
            break;
        case URI_NODE:
            if (node_size(node) > sizeof(*node))
                read_uri(origin, node);
            break;
        }
    }
}

/* The value of a DHCP option, or NULL. */
static const uint8_t *dhcp_option(const EFI_PXE_BASE_CODE_DHCPV4_PACKET *packet, uint8_t wanted, size_t *size)
{
    const uint8_t *at = packet->DhcpOptions;
    const uint8_t *end = (const uint8_t *)packet + sizeof(EFI_PXE_BASE_CODE_PACKET);

    while (at + 2 < end && *at != DHCP_END) {
        if (*at == wanted && at + 2 + at[1] <= end) {
            *size = at[1];
            return at + 2;
        }
        at += *at ? 2 + at[1] : 1;
    }
    return NULL;
}

/* The boot file's name: option 67 before the field; the server: the field before option 54; option 66 is not
 * looked at. */
static void read_packet(struct origin *origin, const EFI_PXE_BASE_CODE_DHCPV4_PACKET *packet)
{
    size_t size = 0;
    const uint8_t *server = packet->BootpSiAddr, *option;
    char path[PATH_MAX] = "";

    if (!server[0] && (option = dhcp_option(packet, DHCP_SERVER, &size)) && size == 4)
        server = option;
    CopyMem(origin->server.v4.Addr, server, 4);
    option = dhcp_option(packet, DHCP_BOOT_FILE, &size);
    if (option)
        text_append_part(path, sizeof(path), (const char *)option, size);
    else
        text_append_part(path, sizeof(path), (const char *)packet->BootpBootFile,
                         sizeof(packet->BootpBootFile));
    path_clean(path);
    path_folder(origin->folder, path);
}

static void read_pxe(struct origin *origin)
{
    const EFI_PXE_BASE_CODE_MODE *mode = origin->pxe->Mode;

    if (mode->PxeReplyReceived)
        read_packet(origin, &mode->PxeReply.Dhcpv4);
    else if (mode->ProxyOfferReceived)
        read_packet(origin, &mode->ProxyOffer.Dhcpv4);
    else
        read_packet(origin, &mode->DhcpAck.Dhcpv4);
}

void origin_find(struct origin *origin, EFI_HANDLE image)
{
    static EFI_GUID full_path = {
        0xbc62157e, 0x3e33, 0x4fec, {0x99, 0x20, 0x2d, 0x3b, 0x36, 0xd7, 0x50, 0xdf}};
    static EFI_GUID pxe = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *loaded;
    EFI_DEVICE_PATH *path;

    *origin = (struct origin){0};
    if (BS->HandleProtocol(image, &gEfiLoadedImageProtocolGuid, (void **)&loaded) != EFI_SUCCESS ||
        BS->HandleProtocol(image, &full_path, (void **)&path) != EFI_SUCCESS || !path)
        fatal("the firmware does not say where this program came from", "");
    origin->device = loaded->DeviceHandle;
    origin_read_path(origin, path);
    if (!origin->mac_folder[0])
        fatal("not loaded from the network", "");
    if (!origin->folder[0] && BS->HandleProtocol(origin->device, &pxe, (void **)&origin->pxe) == EFI_SUCCESS)
        read_pxe(origin);
}
