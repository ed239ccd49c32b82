/* What the user named, made into a list of files: directories are replaced by the captures in them. */
#ifndef DBHOUND_CAPTURE_PATHS_H
#define DBHOUND_CAPTURE_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct input_path {
    char *path;
    uint64_t size; /* 0 when unknown */
    bool is_input; /* "-" */
};

struct path_list {
    struct input_path *paths;
    size_t count;
    size_t room;
    bool sizes_known;
};

/* False, with the cause in `why`, when something does not exist, may not be read, or is a directory without captures. */
bool paths_expand(struct path_list *list, const char *const *named, size_t count, struct error *why) MUST_CHECK;
void paths_free(struct path_list *list);
/* Whether a directory's file is one of its captures, by its name. */
bool paths_is_capture_name(const char *name);

#endif
