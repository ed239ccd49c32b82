/* A directory of its own for a test, and files in it. */
#ifndef DBHOUND_TESTS_TEMPORARY_FILES_H
#define DBHOUND_TESTS_TEMPORARY_FILES_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char temporary[64];

static inline int temporary_make(void **state)
{
    (void)state;
    strcpy(temporary, "/tmp/dbhound-test-XXXXXX");
    return mkdtemp(temporary) && chmod(temporary, 0755) == 0 ? 0 : -1;
}

static inline int temporary_remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about, (void)kind, (void)place;
    return remove(path);
}

static inline int temporary_remove(void **state)
{
    (void)state;
    return nftw(temporary, temporary_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* "TEMPORARY/name"; one of four, used in turn. */
static inline const char *temporary_path(const char *name)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", temporary, name);
    return path;
}

static inline void temporary_write(const char *name, struct view bytes)
{
    int descriptor = open(temporary_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes.bytes, bytes.length), bytes.length);
    close(descriptor);
}

static inline void temporary_write_hex(const char *name, const char *written)
{
    struct view bytes = hex(written);
    temporary_write(name, bytes);
    hex_free(bytes);
}

#endif
