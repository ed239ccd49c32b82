/* Requests and no answers, answers that come late, and a server that lets nobody in. */
#include "health/ward_state.h"

void silence_look(struct ward *w, struct chart *c)
{
    (void)w;
    (void)c;
}

void limit_look(struct ward *w, struct chart *c)
{
    (void)w;
    (void)c;
}
