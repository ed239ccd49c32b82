/* Any text as rules: see rules_hold.h for what must hold. */
#include "../unit/rules_hold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rules_hold(view_of(data, size));
    return 0;
}
