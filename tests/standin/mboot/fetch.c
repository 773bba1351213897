/* Files by TFTP, as the firmware's PXE does it, or by iPXE, which loads a URL for the program it started. */
#include "mboot.h"

/* ipxe/efi/efi_download.h: iPXE has this protocol on the device of a program that it starts. */
#define IPXE_DOWNLOAD_GUID                                                                                   \
    {                                                                                                        \
        0x3eaeaebd, 0xdecf, 0x493b,                                                                          \
        {                                                                                                    \
            0x9b, 0xd1, 0xcd, 0xb2, 0xde, 0xca, 0xe7, 0x19                                                   \
        }                                                                                                    \
    }

struct ipxe_download {
    EFI_STATUS(EFIAPI *start)
    (struct ipxe_download *ipxe, const char *url,
     EFI_STATUS(EFIAPI *data)(void *context, const void *data, UINTN size, UINTN offset),
     void(EFIAPI *finish)(void *context, EFI_STATUS status), void *context, void **file);
    EFI_STATUS(EFIAPI *abort)(struct ipxe_download *ipxe, void *file, EFI_STATUS status);
    EFI_STATUS(EFIAPI *poll)(struct ipxe_download *ipxe);
};

struct download {
    struct bytes bytes;
    size_t room;
    volatile bool done;
    EFI_STATUS status;
};

static EFIAPI EFI_STATUS take_data(void *context, const void *data, UINTN size, UINTN offset)
{
    struct download *download = context;
    struct bytes *bytes = &download->bytes;

    if (offset + size > download->room) {
        uint8_t *old = bytes->data;

        download->room = 2 * (offset + size);
        bytes->data = allocate(download->room);
        CopyMem(bytes->data, old, bytes->size);
        if (old)
            FreePool(old);
    }
    CopyMem(bytes->data + offset, data, size);
    if (size && offset + size > bytes->size)
        bytes->size = offset + size;
    return EFI_SUCCESS;
}

static EFIAPI void take_end(void *context, EFI_STATUS status)
{
    struct download *download = context;

    download->status = status;
    download->done = true;
}

static struct ipxe_download *find_ipxe(const struct origin *origin)
{
    static EFI_GUID guid = IPXE_DOWNLOAD_GUID;
    struct ipxe_download *ipxe;

    return BS->HandleProtocol(origin->device, &guid, (void **)&ipxe) == EFI_SUCCESS ? ipxe : NULL;
}

static bool ipxe_get(struct ipxe_download *ipxe, const char *url, struct bytes *out)
{
    struct download download = {0};
    void *file;

    if (ipxe->start(ipxe, url, take_data, take_end, &download, &file) != EFI_SUCCESS)
        return false;
    while (!download.done)
        ipxe->poll(ipxe);
    *out = download.bytes;
    return download.status == EFI_SUCCESS;
}

static bool tftp_size(const struct origin *origin, const char *path, UINT64 *size)
{
    EFI_IP_ADDRESS server = origin->server;

    return origin->pxe->Mtftp(origin->pxe, EFI_PXE_BASE_CODE_TFTP_GET_FILE_SIZE, NULL, FALSE, size, NULL,
                              &server, (UINT8 *)path, NULL, FALSE) == EFI_SUCCESS;
}

static bool tftp_get(const struct origin *origin, const char *path, struct bytes *out)
{
    EFI_IP_ADDRESS server = origin->server;
    UINT64 size = 0;

    if (!tftp_size(origin, path, &size))
        return false;
    out->data = allocate(size + 1);
    if (origin->pxe->Mtftp(origin->pxe, EFI_PXE_BASE_CODE_TFTP_READ_FILE, out->data, FALSE, &size, NULL,
                           &server, (UINT8 *)path, NULL, FALSE) != EFI_SUCCESS)
        fatal("TFTP: a file ended early", path);
    out->size = size;
    return true;
}

bool fetch(const struct origin *origin, const char *path, struct bytes *out)
{
    struct ipxe_download *ipxe = find_ipxe(origin);
    bool found = false;

    *out = (struct bytes){0};
    if (text_is_url(path))
        found = ipxe ? ipxe_get(ipxe, path, out) : http_get(origin, path, out);
    else if (origin->pxe)
        found = tftp_get(origin, path, out);
    Print(L"mboot: %a %a\n", path, found ? (CHAR8 *)"loaded" : (CHAR8 *)"is not there");
    return found;
}

void fetch_size(const struct origin *origin, const char *path)
{
    UINT64 size;

    if (find_ipxe(origin))
        return;
    if (text_is_url(path))
        http_head(origin, path);
    else if (!origin->pxe || !tftp_size(origin, path, &size))
        fatal(not_found, path);
}
