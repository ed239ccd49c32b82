/*
 * Any bytes to every decoder through the whole proto room. The input is a list of chunks: one byte that says what (side,
 * gap, end) and two bytes of length. Metamorphic: the same stream is given again cut into other pieces and must raise the same
 * reports; so a decoder that depends on segmentation fails here.
 */
#include <assert.h>

#include "../unit/drive.h"
#include "proto/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct drive *whole, *cut;

static void run(struct drive *d, struct view input, unsigned pieces)
{
    struct cursor c = cursor_over(input);
    uint8_t setup = take_u8(&c);
    unsigned which = 1 + setup % (PROTOCOLS - 1);
    drive_start(d, decoder_of((enum protocol)which)->ports[0], (setup & 0x40) != 0);
    bool closed = false;
    while (!closed && cursor_left(&c) >= 3) {
        uint8_t what = take_u8(&c);
        uint16_t length = take_u16le(&c);
        enum side from = what & 1 ? FROM_SERVER : FROM_CLIENT;
        if ((what & 0xf0) == 0xf0) {
            drive_gap(d, from, length ? length : 1);
        } else if ((what & 0xf0) == 0xe0) {
            drive_end(d, what & 2 ? END_RESET : END_FIN, from);
            closed = true;
        } else {
            struct view chunk = take_view(&c, length < cursor_left(&c) ? length : cursor_left(&c));
            for (size_t at = 0; at < chunk.length;) {
                size_t piece = pieces ? 1 + (at * 7 + pieces) % pieces : chunk.length;
                drive_bytes(d, from, view_head(view_from(chunk, at), piece));
                at += piece;
            }
        }
    }
    if (!closed)
        drive_end(d, END_CAPTURE, FROM_CLIENT);
}

/* Servers on the default ports are known: the first bytes of a connection to an unknown one decide by what the first
 * segment holds, and that is meant. */
static void know_servers(struct drive *d)
{
    for (unsigned p = 1; p < PROTOCOLS; p++) {
        drive_start(d, decoder_of((enum protocol)p)->ports[0], false);
        directory_learn(d->dialogue->directory, &d->flow.server, (enum protocol)p, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    if (!whole) {
        whole = malloc(sizeof *whole);
        cut = malloc(sizeof *cut);
        if (!whole || !cut || !drive_open(whole) || !drive_open(cut))
            abort();
        know_servers(whole);
        know_servers(cut);
    }
    run(whole, view_of(data, size), 0);
    run(cut, view_of(data, size), 1 + data[size - 1] % 9);
    /* While a direction searches for a boundary, what one segment holds decides; else segments must not matter. */
    if (whole->counters.value[COUNT_BYTES_BLIND] == 0 && cut->counters.value[COUNT_BYTES_BLIND] == 0) {
        assert(whole->lines_used == cut->lines_used);
        for (unsigned i = 0; i < whole->lines_used; i++)
            assert(strcmp(whole->lines[i], cut->lines[i]) == 0);
    }
    whole->counters.value[COUNT_BYTES_BLIND] = cut->counters.value[COUNT_BYTES_BLIND] = 0;
    return 0;
}
