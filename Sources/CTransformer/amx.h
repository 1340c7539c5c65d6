// The table for processors with a tile unit (AMX).
#pragma once
#include "ctransformer.h"

/// NULL where the processor has no bfloat16 tiles or the system does not let this process use them.
const ct_kernels *ct_amx_table(void);
