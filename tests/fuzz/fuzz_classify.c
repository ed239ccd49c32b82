/*
 * Any bytes on connections that no decoder claims, through the whole proto room to libndpi: two bytes of the server's port, then chunks of one
 * byte that says the side and two of length. What libndpi allocates for a connection is given back at its end, whenever that comes.
 */
#include <assert.h>

#include "../unit/drive.h"
#include "proto/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct drive drive;

static void close_it(void)
{
    drive_close(&drive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!drive.dialogue && (!drive_open_with(&drive, true) || atexit(close_it)))
        abort();
    struct cursor c = cursor_over(view_of(data, size));
    drive_start(&drive, take_u16be(&c), false);
    drive.now_ns = INT64_C(1700000000000000000);
    while (cursor_left(&c) >= 3) {
        enum side from = take_u8(&c) & 1 ? FROM_SERVER : FROM_CLIENT;
        uint16_t length = take_u16le(&c);
        drive_bytes(&drive, from, take_view(&c, length < cursor_left(&c) ? length : cursor_left(&c)));
    }
    drive_end(&drive, size % 2 ? END_RESET : END_FIN, FROM_CLIENT);
    assert(drive.dialogue->conversations.in_use == 0);
    return 0;
}
