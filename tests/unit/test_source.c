/* From paths to packets: order, numbers, counters, filter, damage, standard input, and files that vanish meanwhile. */
#include "capture_files.h"
#include "temporary_files.h"

#include <signal.h>
#include <sys/wait.h>

#define HEADER "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000 "
#define IP "4500 0028 0000 0000 40 06 0000 0a000001 0a000002 9c40 0cea 00000000 00000000 5010 0000 0000 0000 "
#define PORT_3306 "01000000 00000000 36000000 38000000 020000000001 020000000002 0800 " IP
#define ONE "01000000 02000000 03000000 03000000 aabbcc "
#define SECTION "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000 "
#define SIMPLE SECTION "01000000 14000000 6500 0000 00000000 14000000 03000000 14000000 03000000 aabbcc00 14000000 "

static struct source *open_paths(const char *const *paths, size_t count, const struct source_options *options)
{
    struct error why;
    struct source *s = source_open_files(paths, count, options, &why);
    if (!s)
        fail_msg("%s", why.text);
    return s;
}

static void reads_files_in_order(void **state)
{
    (void)state;
    struct view one = hex(HEADER ONE), packed = gzipped(one), frame = zstd_packed(one);
    temporary_write("a.pcap", one);
    temporary_write("b.any", packed);
    temporary_write("c.pcap.gz", frame);
    temporary_write_hex("d.pcapng", SIMPLE);
    temporary_write_hex("broken.pcap", HEADER ONE "00");
    temporary_write_hex("empty.pcap", "");
    temporary_write_hex("text.pcap", "'a text, no capture'");
    struct source *s = open_paths((const char *[]){temporary_path("d.pcapng"), temporary, temporary_path("b.any")}, 3,
                                  &(struct source_options){0});
    TELLING(told);
    tell_packets(&told, s, 16);
    assert_string_equal(told.chars, "1 0 3/3 101.0 aa bb cc; 2 1000002000 3/3 1.0 aa bb cc; "
                                    "3 1000002000 3/3 1.0 aa bb cc; 4 1000002000 3/3 1.0 aa bb cc; "
                                    "5 0 3/3 101.0 aa bb cc; 6 1000002000 3/3 1.0 aa bb cc; ");
    static const struct {
        const char *name;
        uint64_t offset;
        const char *reason;
    } damages[] = {{"/broken.pcap", 43, "the file ends inside a packet"},
                   {"/empty.pcap", 0, "empty file"},
                   {"/text.pcap", 0, "not a capture file"}};
    struct source_damage damage;
    for (size_t i = 0; i < 3; i++) {
        assert_true(source_damage(s, i, &damage));
        assert_string_equal(damage.path + strlen(temporary), damages[i].name);
        assert_int_equal(damage.offset, damages[i].offset);
        assert_string_equal(damage.reason, damages[i].reason);
    }
    assert_false(source_damage(s, 3, &damage));
    uint64_t done, all;
    const char *path;
    source_progress(s, &done, &all, &path);
    assert_true(all > 0);
    assert_int_equal(done, all);
    source_close(s);
    hex_free(one);
    hex_free(packed);
    hex_free(frame);
}

static void keeps_stable_bytes_until_closed(void **state)
{
    (void)state;
    struct view one = hex(HEADER ONE ONE), packed = gzipped(one);
    temporary_write("1.pcap", one);
    temporary_write("2.pcap", packed);
    temporary_write("3.pcap", one);
    const char *paths[] = {temporary_path("1.pcap"), temporary_path("2.pcap"), temporary_path("3.pcap")};
    struct source *s = open_paths(paths, 3, &(struct source_options){0});
    struct raw_packet first, other;
    uint64_t done, all;
    const char *path;
    assert_int_equal(source_read(s, &first, 0), 0);
    assert_int_equal(source_read(s, &first, 1), 1);
    assert_true(source_is_stable(s));
    source_progress(s, &done, &all, &path);
    assert_int_equal(done, 43);
    assert_int_equal(all, 2 * one.length + packed.length);
    assert_string_equal(path, paths[0]);
    for (unsigned i = 2; i <= 6; i++) {
        assert_int_equal(source_read(s, &other, 1), 1);
        assert_int_equal(other.number, i);
        assert_int_equal(source_is_stable(s), i != 3 && i != 4);
    }
    assert_int_equal(source_read(s, &other, 1), 0);
    assert_int_equal(source_read(s, &other, 1), 0);
    assert_memory_equal(first.bytes, "\xaa\xbb\xcc", 3);
    source_close(s);
    hex_free(one);
    hex_free(packed);
}

static void filters_and_counts(void **state)
{
    (void)state;
    struct counters counters = {0};
    struct source_options options = {.filter = "tcp port 3306", .counters = &counters};
    temporary_write_hex("mixed.pcap", HEADER ONE PORT_3306 ONE ONE PORT_3306 ONE);
    struct source *s = open_paths((const char *[]){temporary_path("mixed.pcap")}, 1, &options);
    struct raw_packet batch[2];
    assert_int_equal(source_read(s, batch, 2), 1);
    assert_int_equal(batch[0].number, 2);
    assert_int_equal(source_read(s, batch, 2), 1);
    assert_int_equal(batch[0].number, 5);
    assert_int_equal(source_read(s, batch, 2), 0);
    assert_int_equal(counters.value[COUNT_PACKETS_RECEIVED], 6);
    assert_int_equal(counters.value[COUNT_SKIPPED_FILTER], 4);
    assert_int_equal(counters.value[COUNT_PACKETS_CUT], 2);
    assert_int_equal(counters.value[COUNT_BYTES_RECEIVED], 4 * 3 + 2 * 56);
    source_close(s);
}

static void says_where_a_filter_does_not_fit(void **state)
{
    (void)state;
    struct counters counters = {0};
    struct source_options options = {.filter = "ether host 02:00:00:00:00:01", .counters = &counters};
    temporary_write_hex("ethernet.pcap", HEADER PORT_3306);
    temporary_write_hex("raw.pcapng", SIMPLE SIMPLE "00");
    const char *paths[] = {temporary_path("raw.pcapng"), temporary_path("ethernet.pcap")};
    struct source *s = open_paths(paths, 2, &options);
    TELLING(told);
    struct raw_packet packet;
    assert_int_equal(source_read(s, &packet, 1), 1);
    assert_int_equal(packet.number, 3);
    assert_int_equal(source_read(s, &packet, 1), 0);
    tell_damage(&told, s);
    assert_string_equal(told.chars, "@0 the filter does not fit the link type of some packets; "
                                    "@136 the file ends inside a block; ");
    assert_int_equal(counters.value[COUNT_PACKETS_RECEIVED], 3);
    assert_int_equal(counters.value[COUNT_SKIPPED_FILTER], 2);
    source_close(s);
}

static void says_why_it_does_not_open(void **state)
{
    (void)state;
    struct error why;
    temporary_write_hex("here.pcap", HEADER);
    const char *here[] = {temporary_path("here.pcap")}, *missing[] = {temporary_path("missing.pcap")};
    assert_null(source_open_files(missing, 1, &(struct source_options){0}, &why));
    assert_int_equal(why.code, EXIT_NO_INPUT);
    assert_null(source_open_files(here, 1, &(struct source_options){.filter = "tcp prot 1"}, &why));
    assert_int_equal(why.code, EXIT_USAGE);
    struct source *s = open_paths(NULL, 0, &(struct source_options){0});
    struct raw_packet packet;
    assert_int_equal(source_read(s, &packet, 1), 0);
    source_close(s);
}

static void goes_on_when_a_file_is_gone(void **state)
{
    (void)state;
    temporary_write_hex("gone.pcap", HEADER ONE);
    temporary_write_hex("stays.pcap", HEADER ONE);
    struct source *s = open_paths((const char *[]){temporary_path("gone.pcap"), temporary_path("stays.pcap")}, 2,
                                  &(struct source_options){0});
    assert_int_equal(unlink(temporary_path("gone.pcap")), 0);
    TELLING(told);
    tell_packets(&told, s, 4);
    tell_damage(&told, s);
    assert_string_equal(told.chars, "1 1000002000 3/3 1.0 aa bb cc; @0 the file cannot be opened; ");
    source_close(s);
}

/* Three pages of packets, cut after the first was read: no packet that is not there, no signal, and the next file. */
static void survives_a_file_cut_short(void **state)
{
    (void)state;
    struct view head = hex(HEADER), record = hex("01000000 00000000 f0030000 f0030000");
    uint8_t file[24 + 12 * 1024];
    memcpy(file, head.bytes, 24);
    for (size_t i = 0; i < 12; i++) {
        memcpy(file + 24 + i * 1024, record.bytes, 16);
        memset(file + 24 + i * 1024 + 16, 0xaa, 1008);
    }
    for (size_t read_before = 0; read_before < 12; read_before += 3) {
        temporary_write("cut.pcap", view_of(file, sizeof file));
        temporary_write_hex("next.pcap", HEADER ONE);
        struct source *s = open_paths((const char *[]){temporary_path("cut.pcap"), temporary_path("next.pcap")}, 2,
                                      &(struct source_options){0});
        struct raw_packet packet;
        for (size_t i = 0; i < read_before; i++)
            assert_int_equal(source_read(s, &packet, 1), 1);
        off_t left = read_before % 2 ? 4096 : 6000;
        assert_int_equal(truncate(temporary_path("cut.pcap"), left), 0);
        size_t more = 0, numbered = read_before;
        while (source_read(s, &packet, 1)) {
            more++;
            assert_int_equal(packet.number, ++numbered);
            if (packet.captured == 1008)
                for (size_t i = 0; i < packet.captured; i++)
                    assert_int_equal(packet.bytes[i], 0xaa);
        }
        assert_true(more >= 1);
        assert_int_equal(packet.captured, 3);
        struct source_damage damage;
        assert_true(source_damage(s, 0, &damage));
        if (read_before == 0)
            assert_int_equal(damage.offset, 24 + 5 * 1024);
        else
            assert_int_equal(damage.offset, left);
        source_close(s);
    }
    hex_free(head);
    hex_free(record);
}

static void as_standard_input(int descriptor, void (*act)(void))
{
    int before = dup(STDIN_FILENO);
    assert_true(dup2(descriptor, STDIN_FILENO) >= 0);
    close(descriptor);
    act();
    assert_true(dup2(before, STDIN_FILENO) >= 0);
    close(before);
}

static void tell_standard_input(void)
{
    struct source *s = open_paths((const char *[]){"-"}, 1, &(struct source_options){0});
    TELLING(told);
    tell_packets(&told, s, 16);
    tell_damage(&told, s);
    assert_string_equal(told.chars, "1 1000002000 3/3 1.0 aa bb cc; 2 1000002000 3/3 1.0 aa bb cc; ");
    source_close(s);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

static void reads_standard_input(void **state)
{
    (void)state;
    struct view plain = hex(HEADER ONE ONE), packed = gzipped(plain);
    const struct view ways[] = {plain, packed};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], ways[i].bytes, ways[i].length), ways[i].length);
        close(ends[1]);
        as_standard_input(ends[0], tell_standard_input);
        temporary_write("input", ways[i]);
        as_standard_input(open(temporary_path("input"), O_RDONLY), tell_standard_input);
    }
    hex_free(plain);
    hex_free(packed);
}

/* A packet is delivered when it is there, not when the pipe ends. */
static void delivers_from_a_pipe_at_once(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(temporary_path("fifo"), 0644), 0);
    struct source *s = open_paths((const char *[]){temporary_path("fifo")}, 1, &(struct source_options){0});
    int writer = open(temporary_path("fifo"), O_RDWR);
    struct view first = hex(HEADER ONE "01000000"), rest = hex("02000000 03000000 03000000 ddeeff");
    struct raw_packet packet;
    uint64_t done, all;
    const char *path;
    assert_int_equal(write(writer, first.bytes, first.length), first.length);
    assert_int_equal(source_read(s, &packet, 1), 1);
    assert_int_equal(packet.number, 1);
    assert_int_equal(write(writer, rest.bytes, rest.length), rest.length);
    assert_int_equal(source_read(s, &packet, 1), 1);
    assert_memory_equal(packet.bytes, "\xdd\xee\xff", 3);
    source_progress(s, &done, &all, &path);
    assert_int_equal(done, first.length + rest.length);
    assert_int_equal(all, 0);
    close(writer);
    assert_int_equal(source_read(s, &packet, 1), 0);
    source_close(s);
    hex_free(first);
    hex_free(rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, temporary_make, temporary_remove)
        IN_DIRECTORY(reads_files_in_order),
        IN_DIRECTORY(keeps_stable_bytes_until_closed),
        IN_DIRECTORY(filters_and_counts),
        IN_DIRECTORY(says_where_a_filter_does_not_fit),
        IN_DIRECTORY(says_why_it_does_not_open),
        IN_DIRECTORY(goes_on_when_a_file_is_gone),
        IN_DIRECTORY(survives_a_file_cut_short),
        IN_DIRECTORY(reads_standard_input),
        IN_DIRECTORY(delivers_from_a_pipe_at_once),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
