// The weights of the built-in transformer, in the read-only part of the binary. All processes share the pages that one
// of them has read; a page is loaded when it is first read.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// The first byte of the model, 64-byte aligned. Its layout: scripts/convert-model.py.
const uint8_t *cmodel_bytes(void);

/// The model's size in bytes; 0 when the binary was built without `scripts/fetch-model.sh`.
size_t cmodel_size(void);
