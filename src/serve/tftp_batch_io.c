#include "serve/tftp_batch_io.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGES     64
#define BLOCKS       256           /* in all messages */
#define BYTES        (128u << 10)  /* of files, as much as a second-level cache holds beside other things */
#define SEGMENTS_MAX 64            /* UDP_MAX_SEGMENTS before Linux 6.9 */
#define PAYLOAD_MAX  (65535 - 28u) /* of one datagram, also when it is to be cut */

/* Where the message comes from, and the size of its segments; laid out as CMSG_NXTHDR walks. */
union control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
};

struct tftp_batch {
    size_t messages, blocks, parts, used;
    uint64_t sent_bytes; /* since it was made */
    struct mmsghdr message[MESSAGES];
    union control control[MESSAGES];
    uint64_t end[MESSAGES]; /* of the message's blocks; 0: an OACK */
    struct iovec part[2 * BLOCKS + MESSAGES];
    uint8_t header[BLOCKS][TFTP_DATA_HEADER];
    uint8_t bytes[BYTES];
};

_Static_assert(BYTES >= PAYLOAD_MAX && BYTES >= TFTP_BLKSIZE_MAX, "an empty batch takes any message");

struct tftp_batch *tftp_batch_new(void)
{
    return calloc(1, sizeof(struct tftp_batch));
}

void tftp_batch_free(struct tftp_batch *batch)
{
    free(batch);
}

void tftp_batch_clear(struct tftp_batch *batch)
{
    batch->messages = batch->blocks = batch->parts = batch->used = 0;
}

uint64_t tftp_batch_sent(const struct tftp_batch *batch)
{
    return batch->sent_bytes;
}

size_t tftp_batch_count(const struct tftp_batch *batch)
{
    return batch->messages;
}

static struct cmsghdr *control_put(struct cmsghdr *c, int level, int type, const void *value, size_t size)
{
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
    memcpy(CMSG_DATA(c), value, size);
    return (struct cmsghdr *)((uint8_t *)c + CMSG_ALIGN(c->cmsg_len));
}

/* segment 0: the message is one packet. Returns the size of what was put. */
static size_t control_fill(union control *control, struct in_addr local, uint16_t segment)
{
    struct in_pktinfo info = {.ipi_spec_dst = local};
    struct cmsghdr *next = control_put(&control->header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    if (segment)
        next = control_put(next, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
    return (size_t)((uint8_t *)next - control->bytes);
}

/* struct iovec has no const, but what is sent is only read. */
static struct iovec part_of(const void *bytes, size_t size)
{
    struct iovec part = {.iov_len = size};
    memcpy(&part.iov_base, &bytes, sizeof bytes);
    return part;
}

/* The message that is being built ends at the last part. */
static void message_close(struct tftp_batch *b, struct tftp_sender *s, size_t first_part, uint16_t segment,
                          uint64_t end)
{
    size_t i = b->messages++;
    b->end[i] = end;
    b->message[i].msg_hdr =
        (struct msghdr){.msg_name = &s->client,
                        .msg_namelen = sizeof s->client,
                        .msg_iov = &b->part[first_part],
                        .msg_iovlen = b->parts - first_part,
                        .msg_control = &b->control[i],
                        .msg_controllen = control_fill(&b->control[i], s->local, segment)};
}

static void part_put(struct tftp_batch *b, const void *bytes, size_t size)
{
    b->part[b->parts++] = part_of(bytes, size);
}

/* The blocks of the next message of s: those that fit into one datagram. */
static uint64_t blocks_fit(const struct tftp_sender *s)
{
    uint64_t fit = PAYLOAD_MAX / (TFTP_DATA_HEADER + s->machine->blksize);
    if (fit > SEGMENTS_MAX)
        fit = SEGMENTS_MAX;
    if (s->one_by_one)
        fit = 1;
    return s->end - s->first < fit ? s->end - s->first : fit;
}

static enum tftp_batch_answer add_blocks(struct tftp_batch *b, struct tftp_sender *s)
{
    const struct tftp_machine *m = s->machine;
    uint64_t count = blocks_fit(s), last = s->first + count - 1;
    uint64_t at = tftp_machine_offset(m, s->first);
    size_t size = (size_t)(tftp_machine_offset(m, last) + tftp_machine_block_size(m, last) - at);
    if (b->blocks + count > BLOCKS || b->used + size > BYTES)
        return TFTP_BATCH_FULL;
    const uint8_t *bytes = boot_file_view(s->file, at, size, b->bytes + b->used);
    if (!bytes)
        return TFTP_BATCH_UNREADABLE;
    size_t first_part = b->parts;
    for (uint64_t block = s->first; block <= last; block++) {
        uint8_t *header = b->header[b->blocks++];
        size_t block_size = tftp_machine_block_size(m, block);
        tftp_put_data_header((uint16_t)block, header);
        part_put(b, header, TFTP_DATA_HEADER);
        part_put(b, bytes, block_size);
        bytes += block_size;
    }
    b->used += size;
    message_close(b, s, first_part, count > 1 ? (uint16_t)(TFTP_DATA_HEADER + m->blksize) : 0, last + 1);
    return TFTP_BATCH_TAKEN;
}

static enum tftp_batch_answer add_oack(struct tftp_batch *b, struct tftp_sender *s)
{
    if (b->used + TFTP_PACKET_MAX > BYTES)
        return TFTP_BATCH_FULL;
    uint8_t *packet = b->bytes + b->used;
    size_t first_part = b->parts, size = tftp_put_oack(&s->machine->granted, packet);
    part_put(b, packet, size);
    b->used += size;
    message_close(b, s, first_part, 0, 0);
    return TFTP_BATCH_TAKEN;
}

enum tftp_batch_answer tftp_batch_add(struct tftp_batch *b, struct tftp_sender *s)
{
    if (b->messages == MESSAGES)
        return TFTP_BATCH_FULL;
    return s->oack ? add_oack(b, s) : add_blocks(b, s);
}

int tftp_batch_send(struct tftp_batch *b, int fd, size_t first)
{
    int count = sendmmsg(fd, b->message + first, (unsigned)(b->messages - first), MSG_DONTWAIT);
    for (int i = 0; i < count; i++)
        b->sent_bytes += b->message[first + (size_t)i].msg_len;
    return count;
}

void tftp_batch_settle(const struct tftp_batch *b, size_t number, struct tftp_sender *s)
{
    if (b->end[number])
        s->first = b->end[number];
    else
        s->oack = false;
}

bool tftp_batch_segmented(const struct tftp_batch *b, size_t number)
{
    return b->message[number].msg_hdr.msg_controllen > CMSG_SPACE(sizeof(struct in_pktinfo));
}

void tftp_send_packet(int fd, const struct sockaddr_in *client, struct in_addr local, const void *packet,
                      size_t size)
{
    union control control = {0};
    struct sockaddr_in to = *client;
    struct iovec part = part_of(packet, size);
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof to,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = control_fill(&control, local, 0)};
    (void)!sendmsg(fd, &message, MSG_DONTWAIT);
}
