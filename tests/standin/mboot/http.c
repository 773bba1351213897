/* HTTP by the firmware's own client: HTTP/1.1, one connection, and no answer is taken that does not tell its
 * length. */
#include "efi_http.h"
#include "mboot.h"

#define TIMEOUT_MS 10000

static struct http_protocol *http; /* configured once for all requests */

static EFIAPI void set_flag(EFI_EVENT event, void *context)
{
    (void)event;
    *(volatile bool *)context = true;
}

/* Lets a request or a response run to its end. */
static EFI_STATUS run(EFI_STATUS(EFIAPI *start)(struct http_protocol *, struct http_token *),
                      struct http_message *message)
{
    volatile bool done = false;
    struct http_token token = {.message = message};
    EFI_STATUS status =
        BS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, set_flag, (void *)&done, &token.event);

    if (status == EFI_SUCCESS)
        status = start(http, &token);
    while (status == EFI_SUCCESS && !done)
        http->poll(http);
    BS->CloseEvent(token.event);
    return status == EFI_SUCCESS ? token.status : status;
}

/* The machine may have several cards; the one that this program came by has its MAC in its path. */
static bool has_mac(EFI_HANDLE handle, const struct origin *origin)
{
    EFI_DEVICE_PATH *node = DevicePathFromHandle(handle);
    struct origin other = {0};

    if (!node)
        return false;
    origin_read_path(&other, node);
    return strcmpa((CHAR8 *)other.mac_folder, (CHAR8 *)origin->mac_folder) == 0;
}

static struct service_binding *find_binding(const struct origin *origin)
{
    static EFI_GUID guid = HTTP_BINDING_GUID;
    struct service_binding *binding = NULL;
    EFI_HANDLE *handles;
    UINTN count;

    if (BS->LocateHandleBuffer(ByProtocol, &guid, NULL, &count, &handles) != EFI_SUCCESS)
        return NULL;
    for (UINTN i = 0; i < count && !binding; i++)
        if (has_mac(handles[i], origin))
            BS->HandleProtocol(handles[i], &guid, (void **)&binding);
    return binding;
}

static bool open_http(const struct origin *origin)
{
    static EFI_GUID guid = HTTP_GUID;
    static struct http_ipv4 ipv4;
    struct http_config config = {HTTP_VERSION_11, TIMEOUT_MS, FALSE, &ipv4};
    struct service_binding *binding;
    EFI_HANDLE child = NULL;

    if (http)
        return true;
    ipv4.address = origin->address;
    ipv4.netmask = origin->netmask;
    binding = find_binding(origin);
    if (!binding || binding->create_child(binding, &child) != EFI_SUCCESS ||
        BS->HandleProtocol(child, &guid, (void **)&http) != EFI_SUCCESS)
        return false;
    if (http->configure(http, &config) != EFI_SUCCESS)
        fatal("the firmware's HTTP does not start", "");
    return true;
}

static bool send(enum http_method method, const char *url)
{
    char host[PATH_MAX] = "";
    const char *from = text_find(url, "://") + 3, *slash = text_find(from, "/");
    struct http_header headers[] = {{(CHAR8 *)"Host", (CHAR8 *)host},
                                    {(CHAR8 *)"User-Agent", (CHAR8 *)"esx-boot/2.0"}};
    struct http_request request = {method, text_wide(url)};
    struct http_message message = {.request = &request, .header_count = 2, .headers = headers};

    text_append_part(host, sizeof(host), from, slash ? (size_t)(slash - from) : strlena((const CHAR8 *)from));
    return run(http->request, &message) == EFI_SUCCESS;
}

static size_t content_length(const struct http_message *message, const char *url)
{
    for (UINTN i = 0; i < message->header_count; i++) {
        const CHAR8 *name = message->headers[i].name;

        if (strlena(name) == 14 && text_same_start((const char *)name, "Content-Length", 14))
            return Atoi(text_wide((const char *)message->headers[i].value));
    }
    fatal("protocol error: an answer without Content-Length", url);
}

/* Reads the head of the answer. *size is the body's, of an error message too. */
static bool receive_head(const char *url, size_t *size)
{
    struct http_response response = {0};
    struct http_message message = {.response = &response};
    EFI_STATUS status = run(http->response, &message);

    /* The firmware calls an answer of 400 and more an error, and gives it all the same. */
    if (status != EFI_SUCCESS && status != EFI_HTTP_ERROR)
        fatal("no answer by HTTP", url);
    *size = content_length(&message, url);
    return response.status == HTTP_STATUS_200;
}

static void receive_body(const char *url, struct bytes to)
{
    for (size_t have = 0; have < to.size;) {
        struct http_message message = {.body = to.data + have, .body_size = to.size - have};

        if (run(http->response, &message) != EFI_SUCCESS)
            fatal("an answer by HTTP ended early", url);
        have += message.body_size;
    }
}

bool http_get(const struct origin *origin, const char *url, struct bytes *out)
{
    bool found;

    if (!open_http(origin) || !send(HTTP_METHOD_GET, url))
        return false;
    found = receive_head(url, &out->size);
    out->data = allocate(out->size + 1);
    receive_body(url, *out);
    return found;
}

void http_head(const struct origin *origin, const char *url)
{
    size_t size;

    if (!open_http(origin) || !send(HTTP_METHOD_HEAD, url) || !receive_head(url, &size))
        fatal(not_found, url);
}
