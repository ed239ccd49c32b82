/*
 * The source of packets: opens one file after the other, hands its bytes to the format's reader, filters and counts what
 * comes out, and keeps what could not be read. Plain files are read in place (mapping.c says why), all others through
 * the one buffer of stream.c. Nothing is allocated per packet.
 */
#include "capture/source_memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/filter.h"
#include "capture/format.h"
#include "capture/live.h"
#include "capture/mapping.h"
#include "capture/paths.h"
#include "capture/stream.h"

/* One of each kind at most: a record passed over, a link type the filter does not fit, and the end. */
enum { DAMAGES_PER_FILE = 3 };

struct source {
    struct path_list paths;
    struct mapping *mappings;  /* one per path; all stay until the end, for the packets that point to them */
    const struct view *memory; /* instead of files; see source_memory.h */
    size_t memory_read_most;
    struct live *live;         /* instead of files */
    uint64_t live_number;
    size_t next;               /* the file after the current one */
    bool reading;              /* there is a current one */
    bool mapped;               /* and it is read in place */
    bool stable;               /* the last batch was */
    bool filter_reported;      /* for the current file */
    struct span span;
    struct stream stream;
    struct stream_buffers buffers;
    struct format format;
    struct filter filter;
    struct counters *counters;
    struct counters uncounted; /* where counts go when nobody asked for them */
    uint64_t bytes_before;     /* sizes of the files that are done */
    struct source_damage *damages;
    size_t damage_count;
};

static void add_damage(struct source *s, uint64_t offset, const char *reason)
{
    assert(s->damage_count < s->paths.count * DAMAGES_PER_FILE);
    s->damages[s->damage_count++] =
        (struct source_damage){.path = s->paths.paths[s->next - 1].path, .offset = offset, .reason = reason};
}

static struct source *source_new(const struct source_options *options, struct error *why)
{
    struct source *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(why, EXIT_INTERNAL, "no memory to read captures");
        return NULL;
    }
    s->counters = options->counters ? options->counters : &s->uncounted;
    s->stream.descriptor = -1;
    if (!filter_open(&s->filter, options->filter, why)) {
        source_close(s);
        return NULL;
    }
    return s;
}

/* Everything that must grow with the number of files or be large, once they are known. */
static struct source *source_furnish(struct source *s, struct error *why)
{
    size_t files = s->paths.count ? s->paths.count : 1;
    s->mappings = calloc(files, sizeof *s->mappings);
    s->damages = calloc(files, DAMAGES_PER_FILE * sizeof *s->damages);
    void *interfaces = mmap(NULL, INTERFACES_MOST * sizeof(struct interface), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (interfaces != MAP_FAILED)
        s->format.section.interfaces = interfaces;
    if (s->mappings && s->damages && mapping_reserve(s->paths.count) && interfaces != MAP_FAILED && stream_reserve(&s->buffers))
        return s;
    error_set(why, EXIT_INTERNAL, "no memory to read captures");
    source_close(s);
    return NULL;
}

struct source *source_open_files(const char *const *paths, size_t count, const struct source_options *options,
                                 struct error *why)
{
    struct source *s = source_new(options, why);
    if (!s)
        return NULL;
    if (!paths_expand(&s->paths, paths, count, why)) {
        source_close(s);
        return NULL;
    }
    return source_furnish(s, why);
}

struct source *source_open_memory(const struct view *files, size_t count, size_t read_most,
                                  const struct source_options *options, struct error *why)
{
    struct source *s = source_new(options, why);
    if (!s)
        return NULL;
    s->memory = files;
    s->memory_read_most = read_most;
    s->paths.paths = calloc(count ? count : 1, sizeof *s->paths.paths);
    if (!s->paths.paths) {
        error_set(why, EXIT_INTERNAL, "no memory to read captures");
        source_close(s);
        return NULL;
    }
    s->paths.count = count;
    s->paths.sizes_known = true;
    for (size_t i = 0; i < count; i++)
        s->paths.paths[i].size = files[i].length;
    return source_furnish(s, why);
}

static void begin_stream(struct source *s, int descriptor, struct view memory)
{
    s->mapped = false;
    stream_open(&s->stream, s->buffers, descriptor, memory);
    if (s->memory_read_most)
        s->stream.read_most = s->memory_read_most;
    s->span = (struct span){.bytes = s->buffers.window};
}

static void begin_memory(struct source *s, struct view bytes)
{
    if (s->memory_read_most || unpack_recognise(bytes) != PACKING_NONE) {
        begin_stream(s, -1, bytes);
        return;
    }
    s->mapped = true;
    s->span = (struct span){.bytes = bytes.bytes, .length = bytes.length};
}

/* In place when it is a plain file at its beginning, else as a stream; both take the descriptor over. */
static void begin_descriptor(struct source *s, int descriptor)
{
    struct mapping *m = &s->mappings[s->next - 1];
    struct stat about;
    bool regular = !fstat(descriptor, &about) && S_ISREG(about.st_mode) && about.st_size > 0;
    uint8_t head[PACKING_MAGIC_BYTES];
    ssize_t got = regular && lseek(descriptor, 0, SEEK_CUR) == 0 ? pread(descriptor, head, sizeof head, 0) : -1;
    if (got < 0 || unpack_recognise(view_of(head, (size_t)got)) != PACKING_NONE ||
        !mapping_open(m, descriptor, (size_t)about.st_size)) {
        begin_stream(s, descriptor, view_of(NULL, 0));
        return;
    }
    s->mapped = true;
    s->span = (struct span){.bytes = m->bytes, .length = m->size};
}

/* False when there is no file left. One that cannot be opened is damage of its own and not the current one. */
static bool begin_next(struct source *s)
{
    if (s->next == s->paths.count)
        return false;
    size_t i = s->next++;
    format_begin(&s->format);
    s->filter_reported = false;
    if (s->memory) {
        begin_memory(s, s->memory[i]);
        return s->reading = true;
    }
    int descriptor =
        s->paths.paths[i].is_input ? STDIN_FILENO : open(s->paths.paths[i].path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) {
        add_damage(s, 0, errno == EACCES || errno == EPERM ? "the file may not be read" : "the file cannot be opened");
        s->bytes_before += s->paths.paths[i].size;
        return true;
    }
    begin_descriptor(s, descriptor);
    return s->reading = true;
}

static void end_current(struct source *s, const char *damage, uint64_t offset)
{
    if (s->format.odd)
        add_damage(s, s->format.odd_offset, s->format.odd);
    if (damage)
        add_damage(s, offset, damage);
    if (!s->mapped) {
        if (s->stream.descriptor > STDIN_FILENO)
            close(s->stream.descriptor);
        stream_close(&s->stream);
    }
    s->bytes_before += s->paths.paths[s->next - 1].size;
    s->reading = false;
    s->span = (struct span){0};
}

/* Takes back the packets that reach into what a mapped file no longer has. */
static void take_back_lost(struct source *s, struct batch *out, const uint8_t *lost)
{
    while (out->count) {
        const struct raw_packet *last = &out->packets[out->count - 1];
        if (last->bytes + last->captured <= lost)
            break;
        out->count--;
        s->format.number--;
    }
}

/* Reads from the current mapped file until the batch is full or the file ended. */
static void read_mapped(struct source *s, struct batch *out)
{
    struct mapping *m = s->memory ? NULL : &s->mappings[s->next - 1];
    size_t from = s->span.at, lost = SIZE_MAX;
    if (m)
        mapping_advance(m, from);
    enum outcome read = format_read(&s->format, &s->span, out);
    if (m)
        lost = mapping_lost(m, from, s->span.at);
    if (m && (lost < SIZE_MAX || read != OUTCOME_FULL))
        lost = mapping_finish(m);
    if (lost < SIZE_MAX) {
        take_back_lost(s, out, s->span.bytes + lost);
        end_current(s, "the file was cut short or cannot be read on", lost);
    } else if (read != OUTCOME_FULL) {
        end_current(s, read == OUTCOME_DAMAGED ? s->format.reason : format_end(&s->format, &s->span), s->span.at);
    }
}

/* Reads from the current stream until there are packets or it ended. */
static void read_stream(struct source *s, struct batch *out)
{
    for (;;) {
        enum outcome read = format_read(&s->format, &s->span, out);
        if (read == OUTCOME_DAMAGED)
            end_current(s, s->format.reason, s->span.offset + s->span.at);
        if (read == OUTCOME_DAMAGED || out->count)
            return;
        bool more = stream_advance(&s->stream, s->span.at);
        s->span.at = 0;
        s->span.length = s->stream.length;
        s->span.offset = s->stream.offset;
        if (!more) {
            const char *damage = s->stream.damage ? s->stream.damage : format_end(&s->format, &s->span);
            end_current(s, damage, s->span.offset);
            return;
        }
    }
}

/* Counts the batch and takes out what the filter excludes. */
static void sift(struct source *s, struct batch *b)
{
    uint64_t bytes = 0, cut = 0, received = b->count;
    for (size_t i = 0; i < b->count; i++) {
        bytes += b->packets[i].length;
        cut += b->packets[i].length > b->packets[i].captured;
    }
    if (s->filter.expression) {
        size_t kept = 0;
        for (size_t i = 0; i < b->count; i++) {
            enum filter_answer answer = filter_ask(&s->filter, &b->packets[i]);
            if (answer == FILTER_PASSES)
                b->packets[kept++] = b->packets[i];
            else if (answer == FILTER_CANNOT_TELL && !s->filter_reported) {
                s->filter_reported = true;
                add_damage(s, 0, "the filter does not fit the link type of some packets");
            }
        }
        b->count = kept;
        count_many(s->counters, COUNT_SKIPPED_FILTER, received - kept);
    }
    count_many(s->counters, COUNT_PACKETS_RECEIVED, received);
    count_many(s->counters, COUNT_BYTES_RECEIVED, bytes);
    count_many(s->counters, COUNT_PACKETS_CUT, cut);
}

size_t source_read(struct source *s, struct raw_packet *batch, size_t most)
{
    struct batch out = {.packets = batch, .most = most};
    if (s->live) {
        out.count = live_read(s->live, batch, most, &s->live_number);
        sift(s, &out);
        return out.count;
    }
    while (out.count == 0 && most) {
        if (!s->reading) {
            if (!begin_next(s))
                break;
            continue;
        }
        s->stable = s->mapped;
        if (s->mapped)
            read_mapped(s, &out);
        else
            read_stream(s, &out);
        sift(s, &out);
    }
    return out.count;
}

void source_on_secrets(struct source *s, void (*take)(void *context, struct view text, uint64_t packets), void *context)
{
    s->format.secrets = (struct secrets_sink){take, context};
}

bool source_is_stable(const struct source *s)
{
    return s->stable;
}

bool source_damage(const struct source *s, size_t i, struct source_damage *out)
{
    if (i >= s->damage_count)
        return false;
    *out = s->damages[i];
    return true;
}

void source_progress(const struct source *s, uint64_t *done, uint64_t *all, const char **path)
{
    *done = s->bytes_before + (!s->reading ? 0 : s->mapped ? s->span.at : s->stream.taken);
    *all = 0;
    for (size_t i = 0; s->paths.sizes_known && i < s->paths.count; i++)
        *all += s->paths.paths[i].size;
    *path = s->next ? s->paths.paths[s->next - 1].path : NULL;
}

struct source *source_open_live(const struct live_options *options, struct error *why)
{
    struct source_options own = {NULL, options->counters}; /* the filter runs in the kernel */
    struct source *s = source_new(&own, why);
    if (!s)
        return NULL;
    s->live = live_open(options, why);
    if (!s->live) {
        source_close(s);
        return NULL;
    }
    return s;
}

bool source_is_live(const struct source *s)
{
    return s->live != NULL;
}

void source_stop(struct source *s)
{
    if (s->live)
        live_stop(s->live);
}

bool source_is_over(const struct source *s)
{
    return s->live && live_is_over(s->live);
}

void source_count_drops(struct source *s)
{
    if (s->live)
        live_count_drops(s->live, s->counters);
}

bool source_is_away(const struct source *s)
{
    return s->live && live_is_away(s->live);
}

bool source_is_down(const struct source *s)
{
    return s->live && live_is_down(s->live);
}

void source_close(struct source *s)
{
    if (!s)
        return;
    live_close(s->live);
    if (s->reading)
        end_current(s, NULL, 0);
    for (size_t i = 0; s->mappings && i < s->paths.count; i++)
        mapping_close(&s->mappings[i]);
    if (s->format.section.interfaces)
        munmap(s->format.section.interfaces, INTERFACES_MOST * sizeof(struct interface));
    stream_release(&s->buffers);
    filter_close(&s->filter);
    paths_free(&s->paths);
    free(s->mappings);
    free(s->damages);
    free(s);
}
