// The table for processors with a tile unit (AMX), and what its two files share.
#pragma once
#include "ctransformer.h"

/// NULL where the processor has no bfloat16 tiles or the system does not let this process use them.
const ct_kernels *ct_amx_table(void);

/// Sets the calling thread's tiles up, all of 16 rows × 64 bytes, and gives them up, so that the system need not save
/// them when it changes threads.
void ct_amx_begin(void);
void ct_amx_end(void);

/// `ct_kernels.attention`.
void ct_amx_attention(const float *qkv, int32_t tokens, int32_t heads, float *out, ct_scratch *scratch);
