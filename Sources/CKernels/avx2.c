// AVX2 with FMA. Tails are masked loads: a masked lane is zero and adds nothing to any of the three sums.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET __attribute__((target("avx2,fma,bmi,bmi2,popcnt")))

TARGET CK_INLINE __m256 add_product(__m256 sum, __m256 x, __m256 y) { return _mm256_fmadd_ps(x, y, sum); }
TARGET CK_INLINE __m256 add_square(__m256 sum, __m256 x, __m256 y) {
    __m256 d = _mm256_sub_ps(x, y);
    return _mm256_fmadd_ps(d, d, sum);
}
TARGET CK_INLINE __m256 add_gap(__m256 sum, __m256 x, __m256 y) {
    return _mm256_add_ps(sum, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(x, y)));
}
// Lanes below `rest` are on.
TARGET CK_INLINE __m256i tail_mask(size_t rest) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)rest), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
TARGET CK_INLINE __m128 sum_of_four(__m256 a, __m256 b, __m256 c, __m256 d) {
    __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}

#define PAIR(name, STEP)                                                                              \
    TARGET static float name(const float *a, const float *b, size_t dimension) {                      \
        __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                   \
        size_t i = 0;                                                                                 \
        for (; i + 32 <= dimension; i += 32) {                                                        \
            s0 = STEP(s0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));                            \
            s1 = STEP(s1, _mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8));                    \
            s2 = STEP(s2, _mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16));                  \
            s3 = STEP(s3, _mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24));                  \
        }                                                                                             \
        for (; i + 8 <= dimension; i += 8) s0 = STEP(s0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)); \
        if (i < dimension) {                                                                          \
            __m256i mask = tail_mask(dimension - i);                                                  \
            s1 = STEP(s1, _mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask));          \
        }                                                                                             \
        __m256 sum = _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3));                     \
        return _mm_cvtss_f32(sum_of_four(sum, sum, sum, sum));                                        \
    }
PAIR(dot, add_product)
PAIR(l2_squared, add_square)
PAIR(manhattan, add_gap)

#define FOUR(OFFSET, STEP, LOAD, A, B, C, D)       \
    {                                              \
        __m256 x = LOAD(query + (OFFSET));         \
        A = STEP(A, x, LOAD(a + (OFFSET)));        \
        B = STEP(B, x, LOAD(b + (OFFSET)));        \
        C = STEP(C, x, LOAD(c + (OFFSET)));        \
        D = STEP(D, x, LOAD(d + (OFFSET)));        \
    }
#define MASKED(p) _mm256_maskload_ps(p, mask)
#define ROWS(name, STEP, FINISH)                                                                                 \
    TARGET static void name(const float *query, const float *base, size_t dimension, const uint32_t *rows,       \
                            size_t count, float *out) {                                                          \
        for (size_t i = 0; i < count; i += 4) {                                                                  \
            size_t rest = count - i, last = rest < 4 ? rest - 1 : 3;                                             \
            const float *a = base + (size_t)rows[i] * dimension;                                                 \
            const float *b = base + (size_t)rows[i + (last < 1 ? last : 1)] * dimension;                         \
            const float *c = base + (size_t)rows[i + (last < 2 ? last : 2)] * dimension;                         \
            const float *d = base + (size_t)rows[i + last] * dimension;                                          \
            const float *next[4];                                                                                \
            next_rows(next, base, dimension, rows, i, count);                                                    \
            __m256 a0 = _mm256_setzero_ps(), b0 = a0, c0 = a0, d0 = a0, a1 = a0, b1 = a0, c1 = a0, d1 = a0;      \
            size_t j = 0;                                                                                        \
            for (; j + 16 <= dimension; j += 16) {                                                               \
                for (int n = 0; n < 4; n++) {                                                                    \
                    ck_prefetch(next[n] + j);                                                                    \
                }                                                                                                \
                FOUR(j, STEP, _mm256_loadu_ps, a0, b0, c0, d0)                                                   \
                FOUR(j + 8, STEP, _mm256_loadu_ps, a1, b1, c1, d1)                                               \
            }                                                                                                    \
            if (j + 8 <= dimension) {                                                                            \
                FOUR(j, STEP, _mm256_loadu_ps, a0, b0, c0, d0)                                                   \
                j += 8;                                                                                          \
            }                                                                                                    \
            if (j < dimension) {                                                                                 \
                __m256i mask = tail_mask(dimension - j);                                                         \
                FOUR(j, STEP, MASKED, a1, b1, c1, d1)                                                            \
            }                                                                                                    \
            __m128 sums = FINISH(sum_of_four(_mm256_add_ps(a0, a1), _mm256_add_ps(b0, b1),                       \
                                             _mm256_add_ps(c0, c1), _mm256_add_ps(d0, d1)));                     \
            if (last == 3) {                                                                                     \
                _mm_storeu_ps(out + i, sums);                                                                    \
            } else {                                                                                             \
                float four[4];                                                                                   \
                _mm_storeu_ps(four, sums);                                                                       \
                memcpy(out + i, four, rest * sizeof(float));                                                     \
            }                                                                                                    \
        }                                                                                                        \
    }
TARGET CK_INLINE __m128 negated(__m128 x) { return _mm_xor_ps(x, _mm_set1_ps(-0.0f)); }
TARGET CK_INLINE __m128 unchanged(__m128 x) { return x; }
ROWS(rows_dot, add_product, negated)
ROWS(rows_l2_squared, add_square, unchanged)
ROWS(rows_manhattan, add_gap, unchanged)

#include "encode.inc"
#include "planes.inc"

// Bits are counted with a table of four bits, and each count is multiplied by its plane's weight. One byte of one plane
// adds at most 8 times that weight; the three planes of both halves of a line add −64 to 48.
TARGET CK_INLINE __m256i looked_up(__m256i bits, __m256i table) {
    const __m256i mask = _mm256_set1_epi8(15);
    return _mm256_add_epi8(
        _mm256_shuffle_epi8(table, _mm256_and_si256(bits, mask)),
        _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(bits, 4), mask)));
}
TARGET CK_INLINE __m256i line_sum(const uint64_t *row, const uint64_t *planes, size_t stride) {
    const __m256i ones = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i twos = _mm256_add_epi8(ones, ones);
    const __m256i fours = _mm256_sub_epi8(_mm256_setzero_si256(), _mm256_add_epi8(twos, twos));
    __m256i sum = _mm256_setzero_si256();
    for (size_t j = 0; j < 8; j += 4) {
        const __m256i bits = _mm256_loadu_si256((const __m256i *)(row + j));
        const uint64_t *own = planes + j;
        const __m256i first = _mm256_and_si256(bits, _mm256_loadu_si256((const __m256i *)own));
        const __m256i second = _mm256_and_si256(bits, _mm256_loadu_si256((const __m256i *)(own + stride)));
        const __m256i third = _mm256_and_si256(bits, _mm256_loadu_si256((const __m256i *)(own + 2 * stride)));
        sum = _mm256_add_epi8(sum, _mm256_add_epi8(looked_up(first, ones), looked_up(second, twos)));
        sum = _mm256_add_epi8(sum, looked_up(third, fours));
    }
    // Bytes are summed as unsigned numbers, so 128 is added to each.
    return _mm256_sad_epu8(_mm256_xor_si256(sum, _mm256_set1_epi8((char)0x80)), _mm256_setzero_si256());
}
TARGET CK_INLINE __m256i sketch_sum(const uint64_t *row, const uint64_t *planes, size_t stride) {
    __m256i sum = _mm256_set1_epi64x(-1024 * (int64_t)(stride / 8));
    for (size_t j = 0; j < stride; j += 8) sum = _mm256_add_epi64(sum, line_sum(row + j, planes + j, stride));
    return sum;
}
// The sums of the values of four rows.
TARGET CK_INLINE __m128i sketch_sums(const uint64_t *a, const uint64_t *b, const uint64_t *c, const uint64_t *d,
                                     const uint64_t *planes, size_t stride) {
    __m256i ab = _mm256_blend_epi32(sketch_sum(a, planes, stride),
                                    _mm256_slli_epi64(sketch_sum(b, planes, stride), 32), 0xaa);
    __m256i cd = _mm256_blend_epi32(sketch_sum(c, planes, stride),
                                    _mm256_slli_epi64(sketch_sum(d, planes, stride), 32), 0xaa);
    __m256i all = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}
// Copies the rows of `own` that are `near` to `rows`; returns how many.
TARGET CK_INLINE size_t keep_near(uint32_t *rows, __m128i own, int near) {
    uint32_t four[4];
    size_t kept = 0;
    _mm_storeu_si128((__m128i *)four, own);
    for (int n = 0; n < 4; n++) {
        rows[kept] = four[n];
        kept += (size_t)(near >> n & 1);
    }
    return kept;
}
#define LINES TARGET
#include "winnow_lines.inc"

TARGET CK_INLINE int32_t sum_of_lanes(__m256i x) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1)));
}

// A line of 64 bytes adds four products of at most 2 · 15 · 128, so the sum of two lines fits into 16 bits.
TARGET CK_INLINE __m256i nibble_line(const uint8_t *codes, const uint8_t *values) {
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i x = _mm256_loadu_si256((const __m256i *)codes), y = _mm256_loadu_si256((const __m256i *)(codes + 32));
    __m256i low = _mm256_add_epi16(
        _mm256_maddubs_epi16(_mm256_and_si256(x, mask), _mm256_loadu_si256((const __m256i *)values)),
        _mm256_maddubs_epi16(_mm256_and_si256(y, mask), _mm256_loadu_si256((const __m256i *)(values + 32))));
    __m256i high = _mm256_add_epi16(
        _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(x, 4), mask),
                             _mm256_loadu_si256((const __m256i *)(values + 64))),
        _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(y, 4), mask),
                             _mm256_loadu_si256((const __m256i *)(values + 96))));
    return _mm256_add_epi16(low, high);
}

TARGET static void codes_nibbles(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows,
                                 size_t count, float *out) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *codes = rows_of->codes + (size_t)rows[i] * rows_of->stride;
        __m256i sum = _mm256_setzero_si256();
        size_t j = 0;
        for (; j + 128 <= rows_of->stride; j += 128) {
            __m256i lines = _mm256_add_epi16(nibble_line(codes + j, query->values + 2 * j),
                                             nibble_line(codes + j + 64, query->values + 2 * j + 128));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(lines, ones));
        }
        if (j < rows_of->stride) {
            __m256i line = nibble_line(codes + j, query->values + 2 * j);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(line, ones));
        }
        out[i] = ck_code_distance(query, rows_of, rows[i], 2 * sum_of_lanes(sum) - query->correction);
    }
}

// Widened to 16 bits: vpmaddubsw would saturate.
TARGET static void codes_bytes(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows,
                               size_t count, float *out) {
    const __m128i sign = _mm_set1_epi8((char)0x80);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *codes = rows_of->codes + (size_t)rows[i] * rows_of->stride;
        __m256i sum = _mm256_setzero_si256(), other = sum;
        for (size_t j = 0; j < rows_of->stride; j += 32) {
            __m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(query->values + j)), sign);
            __m128i y = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(query->values + j + 16)), sign);
            __m128i a = _mm_loadu_si128((const __m128i *)(codes + j));
            __m128i b = _mm_loadu_si128((const __m128i *)(codes + j + 16));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_cvtepu8_epi16(a), _mm256_cvtepi8_epi16(x)));
            other = _mm256_add_epi32(other, _mm256_madd_epi16(_mm256_cvtepu8_epi16(b), _mm256_cvtepi8_epi16(y)));
        }
        int32_t total = sum_of_lanes(_mm256_add_epi32(sum, other)) - query->correction;
        out[i] = ck_code_distance(query, rows_of, rows[i], total);
    }
}

TARGET static uint64_t count_bits(const uint64_t *a, const uint64_t *b, size_t words) {
    return ck_count_bits(a, b, words);
}
TARGET static size_t list_bits(const uint64_t *words, size_t count, uint32_t first, uint32_t *out) {
    return ck_list_bits(words, count, first, out);
}

TARGET static float nearest_bytes(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows,
                                  size_t count, float enough) {
    return ck_nearest_of_fours(codes_bytes, query, rows_of, rows, count, enough);
}

const ck_kernels ck_table_avx2 = {
    .name = "avx2",
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
    .winnow = winnow_by_lines,
    .estimate_rows = estimate_rows_by_lines,
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
