#include "serve/tftp_message.h"

#include "base/text.h"
#include "base/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint64_t min, max;
} option_table[TFTP_OPTIONS] = {
    [TFTP_OPTION_BLKSIZE] = {"blksize", 8, TFTP_BLKSIZE_MAX},
    [TFTP_OPTION_TSIZE] = {"tsize", 0, UINT64_MAX},
    [TFTP_OPTION_TIMEOUT] = {"timeout", 1, 255},
    [TFTP_OPTION_WINDOWSIZE] = {"windowsize", 1, 65535},
};

static bool option_find(const char *name, size_t *found)
{
    for (size_t i = 0; i < TFTP_OPTIONS; i++) {
        if (strcasecmp(name, option_table[i].name) == 0) {
            *found = i;
            return true;
        }
    }
    return false;
}

bool tftp_options_equal(const struct tftp_options *a, const struct tftp_options *b)
{
    return a->present == b->present && memcmp(a->value, b->value, sizeof a->value) == 0;
}

/* Pairs of texts, each with its NUL. An empty name is padding behind the last pair. False when a text is cut
 * off. */
static bool options_parse(struct wire_in *w, struct tftp_options *out)
{
    unsigned seen = 0;
    while (wire_left(w)) {
        const char *name = wire_text(w);
        if (name && !*name)
            return true;
        const char *value = wire_text(w);
        if (!name || !value)
            return false;
        size_t i;
        if (!option_find(name, &i))
            continue;
        unsigned bit = 1u << i;
        if (!(seen & bit) && text_u64(value, option_table[i].min, option_table[i].max, &out->value[i]))
            out->present |= bit;
        else
            out->present &= ~bit;
        seen |= bit;
    }
    return true;
}

static void request_refuse(struct tftp_request *r, const char *text)
{
    r->kind = TFTP_REQUEST_REFUSE;
    r->refuse_code = TFTP_ERROR_ILLEGAL;
    r->refuse_text = text;
}

void tftp_request_parse(struct slice packet, struct tftp_request *out)
{
    *out = (struct tftp_request){.kind = TFTP_REQUEST_READ};
    struct wire_in w = wire_in(packet.data, packet.size);
    uint16_t opcode = wire_u16(&w);
    if (w.bad || opcode == TFTP_ERROR) {
        out->kind = TFTP_REQUEST_IGNORE;
        return;
    }
    if (opcode != TFTP_RRQ && opcode != TFTP_WRQ) {
        request_refuse(out, "send a read request (RRQ) to this port first");
        return;
    }
    out->file = wire_text(&w);
    if (opcode == TFTP_WRQ) {
        request_refuse(out, "this server only reads: nothing can be written");
        return;
    }
    const char *mode = wire_text(&w);
    if (!out->file || !mode)
        request_refuse(out, "malformed request: file name and mode must each end with a NUL byte");
    else if (strcasecmp(mode, "octet") != 0 && strcasecmp(mode, "netascii") != 0)
        request_refuse(out, "unknown transfer mode: ask for octet (binary)");
    else if (!options_parse(&w, &out->options))
        request_refuse(out, "malformed request: option names and values must each end with a NUL byte");
}

bool tftp_reply_parse(struct slice packet, struct tftp_reply *out)
{
    struct wire_in w = wire_in(packet.data, packet.size);
    uint16_t opcode = wire_u16(&w);
    *out = (struct tftp_reply){.number = wire_u16(&w)};
    if (w.bad || (opcode != TFTP_ACK && opcode != TFTP_ERROR))
        return false;
    out->opcode = (enum tftp_opcode)opcode;
    if (opcode == TFTP_ERROR) {
        struct slice rest = wire_bytes(&w, wire_left(&w));
        size_t size = rest.size ? strnlen((const char *)rest.data, rest.size) : 0;
        text_printable((const char *)rest.data, size, out->text, sizeof out->text);
    }
    return true;
}

bool tftp_oack_parse(struct slice packet, struct tftp_options *out)
{
    struct wire_in w = wire_in(packet.data, packet.size);
    *out = (struct tftp_options){0};
    return wire_u16(&w) == TFTP_OACK && options_parse(&w, out);
}

static void put_options(struct wire_out *w, const struct tftp_options *options)
{
    for (size_t i = 0; i < TFTP_OPTIONS; i++) {
        if (!tftp_option_present(options, (enum tftp_option)i))
            continue;
        char number[24];
        snprintf(number, sizeof number, "%" PRIu64, options->value[i]);
        wire_put_text(w, option_table[i].name);
        wire_put_text(w, number);
    }
}

size_t tftp_put_oack(const struct tftp_options *granted, uint8_t out[static TFTP_PACKET_MAX])
{
    struct wire_out w = wire_out(out, TFTP_PACKET_MAX);
    wire_put_u16(&w, TFTP_OACK);
    put_options(&w, granted);
    return wire_written(&w);
}

size_t tftp_put_request(const char *file, const struct tftp_options *asked,
                        uint8_t out[static TFTP_PACKET_MAX])
{
    struct wire_out w = wire_out(out, TFTP_PACKET_MAX);
    wire_put_u16(&w, TFTP_RRQ);
    wire_put_text(&w, file);
    wire_put_text(&w, "octet");
    put_options(&w, asked);
    return w.full ? 0 : wire_written(&w);
}

size_t tftp_put_error(enum tftp_error_code code, const char *text, uint8_t out[static TFTP_PACKET_MAX])
{
    char words[TFTP_ERROR_TEXT_MAX];
    text_printable(text, strlen(text), words, sizeof words);
    struct wire_out w = wire_out(out, TFTP_PACKET_MAX);
    wire_put_u16(&w, TFTP_ERROR);
    wire_put_u16(&w, (uint16_t)code);
    wire_put_text(&w, words);
    return wire_written(&w);
}

void tftp_put_data_header(uint16_t block, uint8_t out[static TFTP_DATA_HEADER])
{
    struct wire_out w = wire_out(out, TFTP_DATA_HEADER);
    wire_put_u16(&w, TFTP_DATA);
    wire_put_u16(&w, block);
}
