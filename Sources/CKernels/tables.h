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

// Bit `bit` of each of 64 bytes as one word: the multiplication brings eight bits into its highest byte.
CK_INLINE uint64_t ck_bits_of(const uint8_t *bytes, int bit) {
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t eight;
        memcpy(&eight, bytes + 8 * i, 8);
        word |= ((eight >> bit & 0x0101010101010101u) * 0x0102040810204080u >> 56) << (8 * i);
    }
    return word;
}

CK_INLINE float ck_pool_worst(const int64_t *pool, int64_t capacity) {
    int64_t last = pool[capacity - 1];
    return last == INT64_MAX ? __builtin_inff() : ck_key_distance(last);
}

// Where the four rows after the four at `i` begin; while these are scored, those are asked for. At the end of the list,
// the last row again: asking for what is there costs nothing.
CK_INLINE void next_rows(const float *next[4], const float *base, size_t dimension, const uint32_t *rows, size_t i,
                         size_t count) {
    for (size_t n = 0; n < 4; n++) {
        size_t at = i + 4 + n < count ? i + 4 + n : count - 1;
        next[n] = base + (size_t)rows[at] * dimension;
    }
}

// What a sum of code products means as a distance.
CK_INLINE float ck_code_distance(const ck_code_query *query, const ck_codes *rows_of, uint32_t row, int32_t sum) {
    float distance = query->base - query->factor * rows_of->scales[row] * (float)sum;
    return rows_of->biases ? distance + rows_of->biases[row] : distance;
}
