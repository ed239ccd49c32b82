/* The list of input files: see capture/paths.h. */
#include "capture/paths.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static bool strip_suffix(const char *name, size_t *length, const char *suffix)
{
    size_t size = strlen(suffix);
    if (*length <= size || strncasecmp(name + *length - size, suffix, size) != 0)
        return false;
    *length -= size;
    return true;
}

bool paths_is_capture_name(const char *name)
{
    static const char *const suffixes[] = {".pcap", ".pcapng", ".cap", ".dmp"};
    size_t length = strlen(name);
    if (name[0] == '.')
        return false;
    if (!strip_suffix(name, &length, ".gz"))
        strip_suffix(name, &length, ".zst");
    /* tcpdump -C numbers the files of a ring behind the suffix. */
    while (length && name[length - 1] >= '0' && name[length - 1] <= '9')
        length--;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strip_suffix(name, &length, suffixes[i]))
            return true;
    return false;
}

static bool path_failed(struct error *why, const char *path, int cause)
{
    enum exit_code code = cause == EACCES || cause == EPERM ? EXIT_NO_PERMISSION
                          : cause == ENOENT || cause == ENOTDIR || cause == ELOOP || cause == ENAMETOOLONG
                              ? EXIT_NO_INPUT
                              : EXIT_IO;
    return error_set(why, code, "%s: %s", path, strerror(cause));
}

/* Takes over `path`. */
static bool paths_add(struct path_list *list, char *path, const struct stat *about, struct error *why)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct input_path *larger = realloc(list->paths, room * sizeof *larger);
        if (!larger) {
            free(path);
            return error_set(why, EXIT_INTERNAL, "no memory for the list of files");
        }
        list->paths = larger;
        list->room = room;
    }
    bool sized = S_ISREG(about->st_mode);
    list->paths[list->count++] = (struct input_path){.path = path, .size = sized ? (uint64_t)about->st_size : 0};
    list->sizes_known = list->sizes_known && sized;
    return true;
}

/* By name, where a number counts as one: x.pcap9 before x.pcap10. */
static int by_name(const void *a, const void *b)
{
    return strverscmp(((const struct input_path *)a)->path, ((const struct input_path *)b)->path);
}

static bool add_file(struct path_list *list, const char *path, const struct stat *about, struct error *why)
{
    if (euidaccess(path, R_OK))
        return path_failed(why, path, errno);
    char *copy = strdup(path);
    return copy ? paths_add(list, copy, about, why) : error_set(why, EXIT_INTERNAL, "no memory for the list of files");
}

static bool add_entry(struct path_list *list, const char *directory, const char *name, struct error *why)
{
    char *path;
    if (!paths_is_capture_name(name))
        return true;
    size_t length = strlen(directory);
    if (asprintf(&path, "%s%s%s", directory, length && directory[length - 1] == '/' ? "" : "/", name) < 0)
        return error_set(why, EXIT_INTERNAL, "no memory for the list of files");
    struct stat about;
    bool added = true;
    if (stat(path, &about))
        added = path_failed(why, path, errno);
    else if (S_ISREG(about.st_mode))
        added = add_file(list, path, &about, why);
    free(path);
    return added;
}

static bool add_directory(struct path_list *list, const char *directory, struct error *why)
{
    size_t before = list->count;
    DIR *opened = opendir(directory);
    if (!opened)
        return path_failed(why, directory, errno);
    bool added = true;
    for (struct dirent *entry; added && (entry = readdir(opened));)
        added = add_entry(list, directory, entry->d_name, why);
    closedir(opened);
    if (!added)
        return false;
    if (list->count == before)
        return error_set(why, EXIT_NO_INPUT, "%s: no capture files in this directory", directory);
    qsort(list->paths + before, list->count - before, sizeof *list->paths, by_name);
    return true;
}

static bool add_named(struct path_list *list, const char *named, struct error *why)
{
    struct stat about;
    if (strcmp(named, "-") == 0) {
        char *path = strdup(named);
        if (fstat(STDIN_FILENO, &about)) {
            free(path);
            return path_failed(why, "standard input", errno);
        }
        if (!path || !paths_add(list, path, &about, why))
            return path ? false : error_set(why, EXIT_INTERNAL, "no memory for the list of files");
        list->paths[list->count - 1].is_input = true;
        return true;
    }
    if (stat(named, &about))
        return path_failed(why, named, errno);
    return S_ISDIR(about.st_mode) ? add_directory(list, named, why) : add_file(list, named, &about, why);
}

bool paths_expand(struct path_list *list, const char *const *named, size_t count, struct error *why)
{
    *list = (struct path_list){.sizes_known = true};
    for (size_t i = 0; i < count; i++) {
        if (!add_named(list, named[i], why)) {
            paths_free(list);
            return false;
        }
    }
    return true;
}

void paths_free(struct path_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i].path);
    free(list->paths);
    *list = (struct path_list){0};
}
