/* Blocks of LZ4 and Snappy: gathered, then opened at once, whole or their beginning. See unwrap.c. */
#include <lz4.h>
#include <snappy-c.h>

#include "proto/unwrap.h"

void unwrap_gather(struct inflater *i, struct view payload)
{
    struct codec_memory *m = i->codec;
    if (!m || i->lost)
        return;
    struct view kept = view_head(payload, BLOCK_IN_MAX - m->used);
    if (kept.length)
        memcpy(m->bytes + m->used, kept.bytes, kept.length);
    m->used += kept.length;
}

struct opened_block {
    bool cannot;   /* the codec refuses it */
    size_t length; /* of what is there */
};

static struct opened_block open_lz4(const struct inflater *i, struct view block, bool whole, uint8_t *out)
{
    uint32_t declared = i->wrap.declared;
    const char *in = (const char *)block.bytes;
    int length = (int)block.length, opened;
    if (whole && declared <= BLOCK_OUT_MAX)
        opened = LZ4_decompress_safe(in, (char *)out, length, (int)declared);
    else
        opened = LZ4_decompress_safe_partial(in, (char *)out, length, declared < BLOCK_OUT_MAX ? (int)declared : BLOCK_OUT_MAX, BLOCK_OUT_MAX);
    return (struct opened_block){opened < 0 && whole, opened < 0 ? 0 : (size_t)opened};
}

/* Snappy opens no part of a block. */
static struct opened_block open_snappy(const struct inflater *i, struct view block, bool whole, uint8_t *out)
{
    size_t length = BLOCK_OUT_MAX;
    if (!whole || i->wrap.declared > BLOCK_OUT_MAX)
        return (struct opened_block){false, 0};
    bool good = snappy_uncompress((const char *)block.bytes, block.length, (char *)out, &length) == SNAPPY_OK;
    return (struct opened_block){!good, good ? length : 0};
}

/* What the block says that it opens to. False: it says nothing, or what cannot be. */
static bool declared_of(struct conversation *c, enum side from, struct inflater *i, struct view *block, const struct segment *where)
{
    const struct wrapper *w = c->decoder->wrapper;
    uint64_t declared = i->wrap.declared;
    size_t length = 0;
    if (i->wrap.codec == CODEC_SNAPPY) {
        i->declared = (struct field_value){.field = (uint16_t)w->declared, .offset = i->wrap.header, .length = block->length ? 1 : 0};
        if (snappy_uncompressed_length((const char *)block->bytes, block->length, &length) != SNAPPY_OK) {
            unwrap_report(c, from, i, w->cannot_open, where);
            return false;
        }
        declared = length;
    } else if (i->wrap.prefix) {
        struct cursor c4 = cursor_over(*block);
        declared = take_u32be(&c4);
        i->declared = (struct field_value){.field = (uint16_t)w->declared, .offset = i->wrap.header, .length = (uint32_t)block->length};
        if (c4.failed) {
            unwrap_report(c, from, i, w->cannot_open, where);
            return false;
        }
        *block = view_from(*block, 4);
    }
    if (w->opens_to) {
        struct findings *f = findings_begin(c, (uint64_t)i->wrap.header + i->wrap.payload);
        enum verdict verdict = w->opens_to(c->state, from, declared, f);
        for (unsigned k = 0; k < f->fields_used; k++)
            if (f->fields[k].field == w->declared)
                i->declared = f->fields[k];
        if (f->reports_used)
            conversation_tell(c, from, view_of(i->header, i->wrap.header), &i->first, 0, where, NULL);
        if (verdict != VERDICT_OK)
            return false;
    }
    i->wrap.declared = declared < UINT32_MAX ? (uint32_t)declared : UINT32_MAX;
    return true;
}

void unwrap_block(struct conversation *c, enum side from, struct inflater *i, const struct segment *where)
{
    const struct wrapper *w = c->decoder->wrapper;
    struct codec_memory *m = i->codec;
    uint32_t front = i->wrap.header_is_content ? i->wrap.header : 0;
    uint8_t *out = m->bytes + BLOCK_IN_MAX;
    bool whole = m->used == i->wrap.payload;
    struct view block = view_of(m->bytes, m->used);
    if (!declared_of(c, from, i, &block, where)) {
        unwrap_lose(c, from, i);
        return;
    }
    memcpy(out, i->header, front);
    struct opened_block opened = i->wrap.codec == CODEC_LZ4 ? open_lz4(i, block, whole, out + front) : open_snappy(i, block, whole, out + front);
    if (opened.cannot) {
        unwrap_report(c, from, i, w->cannot_open, where);
        unwrap_lose(c, from, i);
        return;
    }
    i->produced = (uint32_t)opened.length;
    bool partly = !whole || i->wrap.declared > BLOCK_OUT_MAX;
    if (!partly && i->produced != i->wrap.declared)
        unwrap_report(c, from, i, w->size_differs, where);
    if (front + opened.length)
        conversation_bytes(c, from, view_of(out, front + opened.length), where);
    if (i->produced < i->wrap.declared && c->transport == TRANSPORT_WRAPPED)
        unwrap_lose(c, from, i);
}
