/*
 * The tree of early segments: a red-black tree. O(log n) whatever the order of arrival.
 *
 * Linux keeps its early segments in one too, and looks for a segment to merge with only on the way down to where a new one
 * belongs: which of several is found depends on the tree's shape. So the shape has to be the same, and every step here is
 * the textbook's (Cormen et al., chapter 13, a deleted node replaced by its successor), as it is there.
 */
#include "net/reassembly.h"

static struct held **tree_link(struct held_queue *q, const struct held *h)
{
    if (!h->parent)
        return &q->root;
    return h->parent->child[0] == h ? &h->parent->child[0] : &h->parent->child[1];
}

/* The child on `side` takes its parent's place; the order stays. */
static struct held *tree_rotate(struct held_queue *q, struct held *parent, unsigned side)
{
    struct held *child = parent->child[side], *moved = child->child[!side];
    *tree_link(q, parent) = child;
    child->parent = parent->parent;
    child->child[!side] = parent;
    parent->parent = child;
    parent->child[side] = moved;
    if (moved)
        moved->parent = parent;
    return child;
}

static void tree_balance_added(struct held_queue *q, struct held *h)
{
    while (h->parent && h->parent->red) {
        struct held *parent = h->parent, *above = parent->parent;
        unsigned side = above->child[1] == parent;
        struct held *uncle = above->child[!side];
        if (uncle && uncle->red) {
            uncle->red = parent->red = false;
            above->red = true;
            h = above;
            continue;
        }
        if (parent->child[!side] == h)
            parent = tree_rotate(q, parent, !side);
        tree_rotate(q, above, side);
        parent->red = false;
        above->red = true;
        break;
    }
    q->root->red = false;
}

void held_tree_add(struct held_queue *q, struct held *h, struct held *parent, unsigned side)
{
    struct held *before = !parent ? NULL : side ? parent : parent->previous;
    struct held *after = !parent ? NULL : side ? parent->next : parent;
    h->previous = before;
    h->next = after;
    *(before ? &before->next : &q->first) = h;
    *(after ? &after->previous : &q->last) = h;
    h->parent = parent;
    *(parent ? &parent->child[side] : &q->root) = h;
    h->red = true;
    tree_balance_added(q, h);
}

/* The side of `parent` is one black node short. */
static void tree_balance_removed(struct held_queue *q, struct held *parent, unsigned side)
{
    while (parent) {
        struct held *sibling = parent->child[!side];
        if (sibling->red) {
            tree_rotate(q, parent, !side);
            sibling->red = false;
            parent->red = true;
            sibling = parent->child[!side];
        }
        struct held *outer = sibling->child[!side], *inner = sibling->child[side];
        if (!(outer && outer->red)) {
            if (!(inner && inner->red)) {
                sibling->red = true;
                if (parent->red) {
                    parent->red = false;
                    return;
                }
                side = parent->parent && parent->parent->child[1] == parent;
                parent = parent->parent;
                continue;
            }
            outer = sibling;
            sibling = tree_rotate(q, sibling, side);
        }
        tree_rotate(q, parent, !side);
        sibling->red = parent->red;
        parent->red = false;
        outer->red = false;
        return;
    }
}

static void tree_unlist(struct held_queue *q, struct held *h)
{
    *(h->previous ? &h->previous->next : &q->first) = h->next;
    *(h->next ? &h->next->previous : &q->last) = h->previous;
}

static void tree_take_place(struct held_queue *q, struct held *h, struct held *of)
{
    *tree_link(q, of) = h;
    h->parent = of->parent;
    h->red = of->red;
    for (unsigned side = 0; side < 2; side++)
        if ((h->child[side] = of->child[side]))
            h->child[side]->parent = h;
}

void held_tree_replace(struct held_queue *q, struct held *h, struct held *by)
{
    tree_take_place(q, by, h);
    by->previous = h->previous;
    by->next = h->next;
    *(by->previous ? &by->previous->next : &q->first) = by;
    *(by->next ? &by->next->previous : &q->last) = by;
    h->child[0] = h->child[1] = h->parent = h->next = h->previous = NULL;
}

void held_tree_remove(struct held_queue *q, struct held *h)
{
    struct held *moved = h->child[0] && h->child[1] ? h->next : h; /* the one that leaves its place */
    struct held *below = moved->child[0] ? moved->child[0] : moved->child[1], *parent = moved->parent;
    unsigned side = parent && parent->child[1] == moved;
    bool red = moved->red;
    *tree_link(q, moved) = below;
    if (below)
        below->parent = parent;
    if (moved != h) {
        if (parent == h)
            parent = moved;
        tree_take_place(q, moved, h);
    }
    tree_unlist(q, h);
    h->child[0] = h->child[1] = h->parent = h->next = h->previous = NULL;
    if (below)
        below->red = false; /* an only child is red */
    else if (!red)
        tree_balance_removed(q, parent, side);
}
