/* One drive for all tests of a file, which say bytes written as hex. */
#ifndef DBHOUND_TESTS_DRIVEN_H
#define DBHOUND_TESTS_DRIVEN_H

#include "check.h"
#include "drive.h"

static struct drive drive;

static inline void say(enum side from, const char *written)
{
    struct view bytes = hex(written);
    drive_bytes(&drive, from, bytes);
    hex_free(bytes);
}

static inline int open_drive(void **state)
{
    (void)state;
    return drive_open(&drive) ? 0 : -1;
}

static inline int close_drive(void **state)
{
    (void)state;
    drive_close(&drive);
    return 0;
}

#endif
