/* One frame: its first byte chooses the link type, the second how much of it the wire had beyond the capture. Decodes it
 * in a heap block of exactly its size and touches every byte that the result promises. */
#include <stdlib.h>
#include <string.h>

#include "net/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t link_types[] = {1, 0, 12, 14, 101, 108, 113, 228, 229, 276, 147};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 70000)
        return 0;
    size_t captured = size - 2;
    uint8_t *frame = malloc(captured ? captured : 1);
    if (!frame)
        return 0;
    memcpy(frame, data + 2, captured);
    struct raw_packet raw = {.bytes = frame, .captured = (uint32_t)captured, .length = (uint32_t)(captured + data[1]), .number = 1,
                             .link_type = link_types[data[0] % (sizeof link_types / sizeof link_types[0])]};
    struct net_packet packet;
    enum counter skipped = COUNTERS;
    if (net_decode(&raw, &packet, &skipped)) {
        volatile unsigned sum = 0;
        for (size_t i = 0; i < packet.payload.length; i++)
            sum += packet.payload.bytes[i];
        for (size_t i = 0; i < packet.options.length; i++)
            sum += packet.options.bytes[i];
        (void)sum;
        if (packet.payload.length > packet.payload_length || packet.payload_offset > captured)
            abort();
        (void)net_checksum_good(&packet);
    } else if (skipped < COUNT_SKIPPED_LINK_TYPE || skipped > COUNT_SKIPPED_DEPTH) {
        abort();
    }
    free(frame);
    return 0;
}
