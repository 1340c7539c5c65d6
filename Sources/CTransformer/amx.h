// The table for processors with a tile unit (AMX), and the declarations that its two files share.
#pragma once
#include "ctransformer.h"

/// NULL if the processor has no bfloat16 tiles or the system does not permit this process to use them.
const ct_kernels *ct_amx_table(void);

/// Configures the tiles of the calling thread, all of 16 rows × 64 bytes, and releases them, so that the system need
/// not save them when it switches threads.
void ct_amx_begin(void);
void ct_amx_end(void);

/// `ct_kernels.attention`.
void ct_amx_attention(const float *qkv, int32_t tokens, int32_t heads, float *out, ct_scratch *scratch);
