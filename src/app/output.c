/* Files of commands: see output.h. */
#include "app/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

FILE *output_create(const char *path, struct error *why)
{
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *out = to < 0 ? NULL : fdopen(to, "w");
    if (!out) {
        error_set(why, EXIT_CANNOT_CREATE, "cannot create %s: %s", path, strerror(errno));
        if (to >= 0)
            close(to);
    }
    return out;
}

bool output_finish(FILE *out, const char *path, bool good, struct error *why)
{
    bool written = fflush(out) == 0 && !ferror(out);
    int reason = errno;
    if (fclose(out) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (good && !written)
        return error_set(why, EXIT_IO, "cannot write %s: %s", path, strerror(reason));
    return good;
}
