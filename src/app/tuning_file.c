/* threshold.config as a text: see tuning_file.h. */
#include "app/tuning_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 16 << 20, PATH_MOST = 4096 };

char *tuning_file_read(const char *path, struct error *why)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, FILE_MOST + 1);
    const int reason = errno;
    bool good = text != NULL || error_set(why, EXIT_INTERNAL, "out of memory");
    if (good && !file && reason != ENOENT)
        good = error_set(why, EXIT_NO_INPUT, "%s: %s", path, strerror(reason));
    if (good && file && fread(text, 1, FILE_MOST, file) == FILE_MOST)
        good = error_set(why, EXIT_DATA, "%s is too long", path);
    if (good && file && ferror(file))
        good = error_set(why, EXIT_IO, "%s cannot be read", path);
    if (file)
        fclose(file);
    if (good)
        return text;
    free(text);
    return NULL;
}

static bool write_all(int file, const char *text)
{
    for (size_t length = strlen(text), at = 0; at < length;) {
        const ssize_t wrote = write(file, text + at, length - at);
        if (wrote <= 0)
            return false;
        at += (size_t)wrote;
    }
    return fsync(file) == 0;
}

static void settle_directory(const char *path)
{
    char copy[PATH_MOST];
    snprintf(copy, sizeof copy, "%s", path);
    const int directory = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return;
    (void)fsync(directory);
    close(directory);
}

bool tuning_file_write(const char *path, const char *text, struct error *why)
{
    char new[PATH_MOST];
    struct stat old;
    if (snprintf(new, sizeof new, "%s.new", path) >= (int)sizeof new)
        return error_set(why, EXIT_USAGE, "%s: the name is too long", path);
    const mode_t mode = stat(path, &old) == 0 ? old.st_mode & 0777 : 0644;
    const int file = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (file < 0)
        return error_set(why, EXIT_CANNOT_CREATE, "%s: %s%s", new, strerror(errno), errno == EEXIST ? " (is somebody else writing?)" : "");
    bool good = write_all(file, text);
    good &= close(file) == 0;
    good = good && rename(new, path) == 0;
    if (!good) {
        error_set(why, EXIT_IO, "%s: %s", path, strerror(errno));
        unlink(new);
        return false;
    }
    settle_directory(path);
    return true;
}

char *tuning_text_add(const char *text, const char *lines)
{
    const size_t length = strlen(text), more = strlen(lines);
    char *all = malloc(length + more + 2);
    if (!all)
        return NULL;
    memcpy(all, text, length);
    size_t at = length;
    if (at && all[at - 1] != '\n')
        all[at++] = '\n';
    memcpy(all + at, lines, more + 1);
    return all;
}

static bool is_about(const char *line, size_t length, uint32_t sid)
{
    char copy[TUNING_LINE_MAX], *end = NULL;
    snprintf(copy, sizeof copy, "%.*s", (int)(length < sizeof copy ? length : sizeof copy - 1), line);
    const char *at = strstr(copy, "sig_id");
    if (!at || copy[strspn(copy, " \t")] == '#')
        return false;
    const unsigned long number = strtoul(at + strlen("sig_id"), &end, 10);
    return end != at + strlen("sig_id") && number == sid;
}

static bool is_note(const char *line)
{
    line += strspn(line, " \t");
    return line[0] == '#' && line[1] == ':';
}

char *tuning_text_remove(const char *text, uint32_t sid, unsigned line, unsigned *removed)
{
    char *kept = malloc(strlen(text) + 1), *to = kept, *note = NULL;
    unsigned number = 1;
    *removed = 0;
    for (const char *at = text; kept && *at; number++) {
        const char *end = strchr(at, '\n');
        const size_t length = end ? (size_t)(end - at) + 1 : strlen(at);
        if (line ? number == line : is_about(at, length, sid)) {
            to = note ? note : to;
            (*removed)++;
            note = NULL;
        } else {
            note = is_note(at) ? to : NULL;
            memcpy(to, at, length);
            to += length;
        }
        at += length;
    }
    if (kept)
        *to = 0;
    return kept;
}
