// NEON, which every aarch64 processor has. Tails are scalar.
#include "tables.h"
#if defined(__aarch64__)
#include <arm_neon.h>

CK_INLINE float32x4_t add_product(float32x4_t sum, float32x4_t x, float32x4_t y) { return vfmaq_f32(sum, x, y); }
CK_INLINE float32x4_t add_square(float32x4_t sum, float32x4_t x, float32x4_t y) {
    float32x4_t d = vsubq_f32(x, y);
    return vfmaq_f32(sum, d, d);
}
CK_INLINE float32x4_t add_gap(float32x4_t sum, float32x4_t x, float32x4_t y) {
    return vaddq_f32(sum, vabdq_f32(x, y));
}
CK_INLINE float product(float x, float y) { return x * y; }
CK_INLINE float square(float x, float y) { return (x - y) * (x - y); }
CK_INLINE float gap(float x, float y) { return __builtin_fabsf(x - y); }

#define PAIR(name, STEP, TERM)                                                                   \
    static float name(const float *a, const float *b, size_t dimension) {                        \
        float32x4_t s0 = vdupq_n_f32(0), s1 = s0, s2 = s0, s3 = s0;                              \
        size_t i = 0;                                                                            \
        for (; i + 16 <= dimension; i += 16) {                                                   \
            s0 = STEP(s0, vld1q_f32(a + i), vld1q_f32(b + i));                                   \
            s1 = STEP(s1, vld1q_f32(a + i + 4), vld1q_f32(b + i + 4));                           \
            s2 = STEP(s2, vld1q_f32(a + i + 8), vld1q_f32(b + i + 8));                           \
            s3 = STEP(s3, vld1q_f32(a + i + 12), vld1q_f32(b + i + 12));                         \
        }                                                                                        \
        for (; i + 4 <= dimension; i += 4) s0 = STEP(s0, vld1q_f32(a + i), vld1q_f32(b + i));    \
        float sum = vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));                 \
        for (; i < dimension; i++) sum += TERM(a[i], b[i]);                                      \
        return sum;                                                                              \
    }
PAIR(dot, add_product, product)
PAIR(l2_squared, add_square, square)
PAIR(manhattan, add_gap, gap)

#define FOUR(OFFSET, STEP, A, B, C, D)                     \
    {                                                      \
        float32x4_t x = vld1q_f32(query + (OFFSET));       \
        A = STEP(A, x, vld1q_f32(a + (OFFSET)));           \
        B = STEP(B, x, vld1q_f32(b + (OFFSET)));           \
        C = STEP(C, x, vld1q_f32(c + (OFFSET)));           \
        D = STEP(D, x, vld1q_f32(d + (OFFSET)));           \
    }
#define ROWS(name, STEP, TERM, SIGN)                                                                              \
    static void name(const float *query, const float *base, size_t dimension, const uint32_t *rows, size_t count, \
                     float *out) {                                                                                \
        for (size_t i = 0; i < count; i += 4) {                                                                   \
            size_t rest = count - i, last = rest < 4 ? rest - 1 : 3;                                              \
            const float *a = base + (size_t)rows[i] * dimension;                                                  \
            const float *b = base + (size_t)rows[i + (last < 1 ? last : 1)] * dimension;                          \
            const float *c = base + (size_t)rows[i + (last < 2 ? last : 2)] * dimension;                          \
            const float *d = base + (size_t)rows[i + last] * dimension;                                           \
            float32x4_t a0 = vdupq_n_f32(0), b0 = a0, c0 = a0, d0 = a0, a1 = a0, b1 = a0, c1 = a0, d1 = a0;       \
            size_t j = 0;                                                                                         \
            for (; j + 8 <= dimension; j += 8) {                                                                  \
                FOUR(j, STEP, a0, b0, c0, d0)                                                                     \
                FOUR(j + 4, STEP, a1, b1, c1, d1)                                                                 \
            }                                                                                                     \
            float sums[4] = {vaddvq_f32(vaddq_f32(a0, a1)), vaddvq_f32(vaddq_f32(b0, b1)),                        \
                             vaddvq_f32(vaddq_f32(c0, c1)), vaddvq_f32(vaddq_f32(d0, d1))};                       \
            for (; j < dimension; j++) {                                                                          \
                sums[0] += TERM(query[j], a[j]);                                                                  \
                sums[1] += TERM(query[j], b[j]);                                                                  \
                sums[2] += TERM(query[j], c[j]);                                                                  \
                sums[3] += TERM(query[j], d[j]);                                                                  \
            }                                                                                                     \
            for (size_t n = 0; n <= last; n++) out[i + n] = SIGN sums[n];                                         \
        }                                                                                                         \
    }
ROWS(rows_dot, add_product, product, -)
ROWS(rows_l2_squared, add_square, square, )
ROWS(rows_manhattan, add_gap, gap, )

#define TARGET
#include "encode.inc"
#include "planes.inc"

CK_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t x, int8x16_t y) {
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    return vpadalq_s16(sum, vmull_s8(vget_high_s8(x), vget_high_s8(y)));
}

static void codes_nibbles(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows, size_t count,
                          float *out) {
    const int8_t *values = (const int8_t *)query->values;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *codes = rows_of->codes + (size_t)rows[i] * rows_of->stride;
        int32x4_t low = vdupq_n_s32(0), high = low;
        for (size_t j = 0; j < rows_of->stride; j += 16) {
            // 64 bytes of codes are multiplied with 128 bytes of the query.
            const int8_t *value = values + 2 * (j & ~(size_t)63) + (j & 63);
            uint8x16_t x = vld1q_u8(codes + j);
            low = add_products(low, vreinterpretq_s8_u8(vandq_u8(x, vdupq_n_u8(15))), vld1q_s8(value));
            high = add_products(high, vreinterpretq_s8_u8(vshrq_n_u8(x, 4)), vld1q_s8(value + 64));
        }
        int32_t sum = vaddvq_s32(vaddq_s32(low, high));
        out[i] = ck_code_distance(query, rows_of, rows[i], 2 * sum - query->correction);
    }
}

// Both sides are signed, so no correction is needed.
static void codes_bytes(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows, size_t count,
                        float *out) {
    const uint8x16_t sign = vdupq_n_u8(0x80);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *codes = rows_of->codes + (size_t)rows[i] * rows_of->stride;
        int32x4_t sum = vdupq_n_s32(0);
        for (size_t j = 0; j < rows_of->stride; j += 16) {
            sum = add_products(sum, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(codes + j), sign)),
                               vreinterpretq_s8_u8(veorq_u8(vld1q_u8(query->values + j), sign)));
        }
        out[i] = ck_code_distance(query, rows_of, rows[i], vaddvq_s32(sum));
    }
}

static uint64_t count_bits(const uint64_t *a, const uint64_t *b, size_t words) {
    return ck_count_bits(a, b, words);
}
static size_t list_bits(const uint64_t *words, size_t count, uint32_t first, uint32_t *out) {
    return ck_list_bits(words, count, first, out);
}

static float nearest_bytes(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows,
                           size_t count, float enough) {
    return ck_nearest_of_fours(codes_bytes, query, rows_of, rows, count, enough);
}

const ck_kernels ck_table_neon = {
    .name = "neon",
    .dot = dot,
    .l2_squared = l2_squared,
    .manhattan = manhattan,
    .rows_dot = rows_dot,
    .rows_l2_squared = rows_l2_squared,
    .rows_manhattan = rows_manhattan,
    .codes_nibbles = codes_nibbles,
    .codes_bytes = codes_bytes,
    .nearest_bytes = nearest_bytes,
    .encode_nibbles = encode_nibbles,
    .encode_bytes = encode_bytes,
    .encode_query = encode_query,
    .nibble_error = nibble_error,
    .bound_rows = bound_rows,
    .winnow = ck_winnow_portable,
    .estimate_rows = ck_estimate_rows_portable,
    .sketch_planes = sketch_planes,
    .pool_insert = ck_pool_insert_portable,
    .sort_keys = ck_sort_keys_portable,
    .gather_unvisited = ck_gather_unvisited_portable,
    .unpack = ck_unpack_portable,
    .gather_packed = ck_gather_packed_portable,
    .count_bits = count_bits,
    .list_bits = list_bits,
};
#endif
