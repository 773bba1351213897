/* EFI_HTTP_PROTOCOL and its service binding: UEFI Specification 2.10, section 29.6. gnu-efi has neither. */
#ifndef STANDIN_EFI_HTTP_H
#define STANDIN_EFI_HTTP_H

#include <efi.h>

#define HTTP_BINDING_GUID                                                                                    \
    {                                                                                                        \
        0xbdc8e6af, 0xd9bc, 0x4379,                                                                          \
        {                                                                                                    \
            0xa7, 0x2a, 0xe0, 0xc4, 0xe7, 0x5d, 0xae, 0x1c                                                   \
        }                                                                                                    \
    }
#define HTTP_GUID                                                                                            \
    {                                                                                                        \
        0x7a59b29b, 0x910b, 0x4171,                                                                          \
        {                                                                                                    \
            0x82, 0x42, 0xa8, 0x5a, 0x0d, 0xf2, 0x5b, 0x5b                                                   \
        }                                                                                                    \
    }

#define EFI_HTTP_ERROR EFIERR(35)

enum http_version {
    HTTP_VERSION_11 = 1
};
enum http_method {
    HTTP_METHOD_GET = 0,
    HTTP_METHOD_HEAD = 5
};
enum http_status {
    HTTP_STATUS_200 = 3
};

struct http_ipv4 {
    BOOLEAN use_default_address;
    EFI_IPv4_ADDRESS address, netmask;
    UINT16 port;
};

struct http_config {
#define EFI_HTTP_ERROR EFIERR(35)

    enum http_version version;
    UINT32 timeout_ms;
    BOOLEAN is_ipv6;
    struct http_ipv4 *ipv4;
};

struct http_request {
    enum http_method method;
    CHAR16 *url;
};

struct http_response {
    enum http_status status;
};

struct http_header {
    CHAR8 *name, *value;
};

struct http_message {
    union {
        struct http_request *request;
        struct http_response *response;
    };
    UINTN header_count;
    struct http_header *headers; /* of a response: the firmware's allocation */
    UINTN body_size;
    void *body;
};

struct http_token {
    EFI_EVENT event;
    EFI_STATUS status;
    struct http_message *message;
};

struct http_protocol {
    EFI_STATUS(EFIAPI *get_mode_data)(struct http_protocol *http, struct http_config *config);
    EFI_STATUS(EFIAPI *configure)(struct http_protocol *http, struct http_config *config);
    EFI_STATUS(EFIAPI *request)(struct http_protocol *http, struct http_token *token);
    EFI_STATUS(EFIAPI *cancel)(struct http_protocol *http, struct http_token *token);
    EFI_STATUS(EFIAPI *response)(struct http_protocol *http, struct http_token *token);
    EFI_STATUS(EFIAPI *poll)(struct http_protocol *http);
};

struct service_binding {
    EFI_STATUS(EFIAPI *create_child)(struct service_binding *binding, EFI_HANDLE *child);
    EFI_STATUS(EFIAPI *destroy_child)(struct service_binding *binding, EFI_HANDLE child);
};

#endif
