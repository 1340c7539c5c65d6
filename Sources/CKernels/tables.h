// The function tables, one for each file; only dispatch.c includes this.
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

// Shared by every level without a vector version of its own.
int64_t ck_pool_insert_portable(ck_pool *pool, const float *distances, const uint32_t *rows, int64_t count);
size_t ck_sort_keys_portable(const float *distances, const uint32_t *rows, size_t count, int64_t *keys);
size_t ck_gather_unvisited_portable(const uint32_t *links, size_t count, const uint8_t *visited, uint8_t epoch,
                                    uint32_t *out);

size_t ck_winnow_portable(const ck_sketch_query *query, const ck_sketches *rows_of, uint32_t *rows, size_t count,
                          float limit);
void ck_estimate_rows_portable(const ck_sketch_query *query, const ck_sketches *rows_of, const uint32_t *rows,
                               size_t count, float *out);

void ck_unpack_portable(const uint8_t *packed, size_t bits, size_t count, uint32_t *out);
size_t ck_gather_packed_portable(const uint8_t *packed, size_t bits, size_t count, const uint8_t *visited,
                                 uint8_t epoch, uint32_t *out);

CK_INLINE uint64_t ck_count_bits(const uint64_t *a, const uint64_t *b, size_t words) {
    uint64_t sum = 0;
    for (size_t i = 0; i < words; i++) sum += (uint64_t)__builtin_popcountll(b ? a[i] & ~b[i] : a[i]);
    return sum;
}

CK_INLINE size_t ck_list_bits(const uint64_t *words, size_t count, uint32_t first, uint32_t *out) {
    size_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint64_t word = words[i]; word; word &= word - 1) {
            out[listed++] = first + 64 * (uint32_t)i + (uint32_t)__builtin_ctzll(word);
        }
    }
    return listed;
}

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

// Adds one key; in a full pool the last key falls out, into the slot after the others.
CK_INLINE void ck_pool_grown(ck_pool *pool) {
    if (pool->count < pool->capacity) {
        pool->count++;
    } else {
        pool->keys[pool->capacity] = INT64_MAX;
    }
}

CK_INLINE void ck_pool_lower_limit(ck_pool *pool) {
    if (pool->count < pool->capacity) return;
    float last = ck_key_distance(pool->keys[pool->capacity - 1]);
    if (last < pool->limit) pool->limit = last;
}

// The addresses of the four rows after the four at `i`: they are prefetched while those at `i` are scored. At the end
// of the list, the last row again: prefetching a line that is in the cache costs nothing.
CK_INLINE void next_rows(const float *next[4], const float *base, size_t dimension, const uint32_t *rows, size_t i,
                         size_t count) {
    for (size_t n = 0; n < 4; n++) {
        size_t at = i + 4 + n < count ? i + 4 + n : count - 1;
        next[n] = base + (size_t)rows[at] * dimension;
    }
}

// The least distance of rows that are scored four at a time.
CK_INLINE float ck_nearest_of_fours(ck_codes_fn score, const ck_code_query *query, const ck_codes *rows_of,
                                    const uint32_t *rows, size_t count, float enough) {
    float nearest = __builtin_inff();
    for (size_t i = 0; i < count && !(nearest < enough); i += 4) {
        float four[4];
        size_t rest = count - i < 4 ? count - i : 4;
        score(query, rows_of, rows + i, rest, four);
        for (size_t n = 0; n < rest; n++) nearest = four[n] < nearest ? four[n] : nearest;
    }
    return nearest;
}

// The distance that a sum of code products gives.
CK_INLINE float ck_code_distance(const ck_code_query *query, const ck_codes *rows_of, uint32_t row, int32_t sum) {
    size_t at = (size_t)row * rows_of->head_stride;
    float distance = query->base - query->factor * rows_of->scales[at] * (float)sum;
    return rows_of->biases ? distance + rows_of->biases[at] : distance;
}
