// The intermediate values of a product, or of the attention of one text.
#pragma once
#include "ctransformer.h"

/// The number of rows whose quantised form fits into the scratch area at once: whole numbers, and bfloat16 in tiles.
#define CT_BLOCK_ROWS 96
#define CT_TILED_ROWS 256

/// One head of a text as tiles of bfloat16 (amx_attention.c): 16 queries, 16 keys or 32 values for each tile, and the
/// scores and weights of 16 queries.
typedef struct {
    uint16_t queries[CT_MAX_TOKENS * CT_HEAD_SIZE] __attribute__((aligned(64)));
    uint16_t keys[CT_MAX_TOKENS * CT_HEAD_SIZE] __attribute__((aligned(64)));
    uint16_t values[CT_MAX_TOKENS * CT_HEAD_SIZE] __attribute__((aligned(64)));
    uint16_t weights[CT_MAX_TOKENS * 16] __attribute__((aligned(64)));
    float scores[CT_MAX_TOKENS * 16] __attribute__((aligned(64)));
} ct_head_tiles;

struct ct_scratch {
    union {
        int16_t quantised[CT_BLOCK_ROWS * CT_MAX_INPUTS];
        /// Activations as the tile unit reads them (amx.c), and a product's result that is the input of the next
        /// product.
        uint16_t tiled[2][CT_TILED_ROWS * CT_MAX_INPUTS];
    } __attribute__((aligned(64)));
    /// Two panels of weights in bfloat16, and the sums of four tiles.
    uint16_t panels[2 * CT_PANEL_COLUMNS * CT_MAX_INPUTS] __attribute__((aligned(64)));
    float sums[4 * 256] __attribute__((aligned(64)));
    ct_head_tiles head;
    float row_scales[CT_BLOCK_ROWS];
    float keys[CT_HEAD_SIZE * CT_MAX_TOKENS];
    float scores[8 * CT_MAX_TOKENS];
};
