/* Printable text: see printable.h. */
#include "store/printable.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool printable_is(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            return false;
    return true;
}

char *printable_copy(const char *text)
{
    size_t size = 4 * strlen(text) + 8;
    char *memory = malloc(size);
    if (!memory)
        return NULL;
    struct text out = text_in(memory, size);
    while (*text) {
        size_t plain = strcspn(text, "\\");
        text_add_escaped(&out, view_of(text, plain));
        text += plain;
        if (*text == '\\') {
            text_add(&out, "\\");
            text++;
        }
    }
    return memory;
}
