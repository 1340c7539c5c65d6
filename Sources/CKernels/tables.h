// The function tables, one a file; for dispatch.c alone.
#pragma once
#include "include/ckernels.h"

#define CK_INLINE static inline __attribute__((always_inline))

extern const ck_kernels ck_table_portable;
#if defined(__x86_64__)
extern const ck_kernels ck_table_avx2, ck_table_avx512;
#endif
#if defined(__aarch64__)
extern const ck_kernels ck_table_neon;
#endif

// Shared by every level without a vector form of its own.
int64_t ck_pool_insert_portable(int64_t *pool, int64_t capacity, const float *distances, const uint32_t *rows,
                                int64_t count, float *worst);

CK_INLINE float ck_pool_worst(const int64_t *pool, int64_t capacity) {
    int64_t last = pool[capacity - 1];
    return last == INT64_MAX ? __builtin_inff() : ck_key_distance(last);
}
