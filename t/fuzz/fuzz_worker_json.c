/*
 * Reading anything as JSON: json-c finds the same in it.
 */
#include "lib/text.h"
#include "t/unit/json_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* json-c takes a NUL byte for the end */
    if (text_utf8_valid((const char *)data, size) == size && !memchr(data, 0, size) &&
        !json_peer_agrees((const char *)data, size))
        abort();
    return 0;
}
