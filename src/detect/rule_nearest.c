/* The nearest word to a wrong one, by letters inserted, deleted, replaced or swapped with their neighbour. */
#include "detect/draft.h"

enum { NEAREST_MAX = 40 };

/* Letters to insert, delete, replace or swap with their neighbour. */
static unsigned edit_distance(struct view a, struct view b)
{
    unsigned rows[3][NEAREST_MAX + 1];
    for (unsigned j = 0; j <= b.length; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.length; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b.length; j++) {
            unsigned best = before[j - 1] + (a.bytes[i - 1] != b.bytes[j - 1]);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.bytes[i - 1] == b.bytes[j - 2] && a.bytes[i - 2] == b.bytes[j - 1])
                best = earlier[j - 2] + 1 < best ? earlier[j - 2] + 1 : best;
            now[j] = best;
        }
    }
    return rows[a.length % 3][b.length];
}

void nearest_offer(struct nearest *n, const char *word)
{
    struct view offered = view_text(word);
    if (n->wanted.length == 0 || n->wanted.length > NEAREST_MAX || offered.length > NEAREST_MAX)
        return;
    unsigned distance = edit_distance(n->wanted, offered);
    if (distance > 1 + n->wanted.length / 4 || distance >= offered.length)
        return;
    if (!n->best || distance < n->distance) {
        n->best = word;
        n->distance = distance;
    }
}

const char *nearest_hint(const struct nearest *n, char *out, size_t size)
{
    struct text t = text_in(out, size);
    if (n->best)
        text_add(&t, "; did you mean %s?", n->best);
    return out;
}
