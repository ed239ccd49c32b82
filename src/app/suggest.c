/* "did you mean": see suggest.h. */
#include "app/suggest.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 48 };

/* Edits (insert, delete, replace, swap of neighbours) that lead from one word to the other. */
static unsigned edits(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    unsigned before[WORD_MAX + 1] = {0}, last[WORD_MAX + 1], now[WORD_MAX + 1];
    if (rows > WORD_MAX || columns > WORD_MAX)
        return UINT_MAX;
    for (unsigned j = 0; j <= columns; j++)
        last[j] = j;
    for (unsigned i = 1; i <= rows; i++) {
        now[0] = i;
        for (unsigned j = 1; j <= columns; j++) {
            unsigned least = last[j - 1] + (a[i - 1] != b[j - 1]);
            least = last[j] + 1 < least ? last[j] + 1 : least;
            least = now[j - 1] + 1 < least ? now[j - 1] + 1 : least;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < least)
                least = before[j - 2] + 1;
            now[j] = least;
        }
        memcpy(before, last, sizeof before);
        memcpy(last, now, sizeof last);
    }
    return last[columns];
}

struct suggestion suggest_for(const char *word)
{
    /* A third of the word may be wrong, and at least one letter. */
    return (struct suggestion){word, NULL, 2 + (unsigned)strlen(word) / 3};
}

void suggest_offer(struct suggestion *s, const char *candidate)
{
    size_t length = strlen(s->word);
    unsigned distance = edits(s->word, candidate);
    /* The beginning of a word is as good as a typing error. */
    if (length >= 3 && strncmp(s->word, candidate, length) == 0)
        distance = 1;
    if (distance < s->distance) {
        s->distance = distance;
        s->best = candidate;
    }
}

_Bool suggest_add(const struct suggestion *s, const char *prefix, struct error *why)
{
    size_t length = strlen(why->text);
    if (s->best)
        snprintf(why->text + length, sizeof why->text - length, "; did you mean '%s%s'?", prefix, s->best);
    return 0;
}
