// AVX-512 with VNNI. Tails are masked loads: a masked lane is zero and adds nothing to any of the three sums.
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,bmi,bmi2,popcnt")))

TARGET CK_INLINE __m512 add_product(__m512 sum, __m512 x, __m512 y) { return _mm512_fmadd_ps(x, y, sum); }
TARGET CK_INLINE __m512 add_square(__m512 sum, __m512 x, __m512 y) {
    __m512 d = _mm512_sub_ps(x, y);
    return _mm512_fmadd_ps(d, d, sum);
}
TARGET CK_INLINE __m512 add_gap(__m512 sum, __m512 x, __m512 y) {
    return _mm512_add_ps(sum, _mm512_abs_ps(_mm512_sub_ps(x, y)));
}
TARGET CK_INLINE __mmask16 tail_mask(size_t rest) { return (__mmask16)((1u << rest) - 1); }

// The sums of four registers as the four lanes of one.
TARGET CK_INLINE __m128 sum_of_four(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512 all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#define PAIR(name, STEP)                                                                              \
    TARGET static float name(const float *a, const float *b, size_t dimension) {                      \
        __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                   \
        size_t i = 0;                                                                                 \
        for (; i + 64 <= dimension; i += 64) {                                                        \
            s0 = STEP(s0, _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));                            \
            s1 = STEP(s1, _mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16));                  \
            s2 = STEP(s2, _mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32));                  \
            s3 = STEP(s3, _mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48));                  \
        }                                                                                             \
        for (; i + 16 <= dimension; i += 16) s0 = STEP(s0, _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)); \
        if (i < dimension) {                                                                          \
            __mmask16 mask = tail_mask(dimension - i);                                                \
            s1 = STEP(s1, _mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i));    \
        }                                                                                             \
        return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));     \
    }
PAIR(dot, add_product)
PAIR(l2_squared, add_square)
PAIR(manhattan, add_gap)

// Four rows at a time share the loads of the query; two sums for each row hide the latency of the fused multiply-add.
#define FOUR(OFFSET, STEP, LOAD, A, B, C, D)       \
    {                                              \
        __m512 x = LOAD(query + (OFFSET));         \
        A = STEP(A, x, LOAD(a + (OFFSET)));        \
        B = STEP(B, x, LOAD(b + (OFFSET)));        \
        C = STEP(C, x, LOAD(c + (OFFSET)));        \
        D = STEP(D, x, LOAD(d + (OFFSET)));        \
    }
#define MASKED(p) _mm512_maskz_loadu_ps(mask, p)
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
            __m512 a0 = _mm512_setzero_ps(), b0 = a0, c0 = a0, d0 = a0, a1 = a0, b1 = a0, c1 = a0, d1 = a0;      \
            size_t j = 0;                                                                                        \
            for (; j + 32 <= dimension; j += 32) {                                                               \
                for (int n = 0; n < 4; n++) {                                                                    \
                    ck_prefetch(next[n] + j);                                                                    \
                    ck_prefetch(next[n] + j + 16);                                                               \
                }                                                                                                \
                FOUR(j, STEP, _mm512_loadu_ps, a0, b0, c0, d0)                                                   \
                FOUR(j + 16, STEP, _mm512_loadu_ps, a1, b1, c1, d1)                                              \
            }                                                                                                    \
            if (j + 16 <= dimension) {                                                                           \
                FOUR(j, STEP, _mm512_loadu_ps, a0, b0, c0, d0)                                                   \
                j += 16;                                                                                         \
            }                                                                                                    \
            if (j < dimension) {                                                                                 \
                __mmask16 mask = tail_mask(dimension - j);                                                       \
                FOUR(j, STEP, MASKED, a1, b1, c1, d1)                                                            \
            }                                                                                                    \
            __m128 sums = sum_of_four(_mm512_add_ps(a0, a1), _mm512_add_ps(b0, b1), _mm512_add_ps(c0, c1),       \
                                      _mm512_add_ps(d0, d1));                                                    \
            _mm_mask_storeu_ps(out + i, (__mmask8)((2u << last) - 1), FINISH(sums));                             \
        }                                                                                                        \
    }
TARGET CK_INLINE __m128 negated(__m128 x) { return _mm_xor_ps(x, _mm_set1_ps(-0.0f)); }
TARGET CK_INLINE __m128 unchanged(__m128 x) { return x; }
ROWS(rows_dot, add_product, negated)
ROWS(rows_l2_squared, add_square, unchanged)
ROWS(rows_manhattan, add_gap, unchanged)

#include "encode.inc"
#include "planes.inc"

// The sums of four registers of 32-bit integers as the four lanes of one.
TARGET CK_INLINE __m128i sum_of_four_i32(__m512i a, __m512i b, __m512i c, __m512i d) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Four single loads cost no more than a gather, which takes many steps on some processors.
TARGET CK_INLINE __m128 heads_of(const float *values, size_t stride, const uint32_t *four) {
    return _mm_setr_ps(values[four[0] * stride], values[four[1] * stride], values[four[2] * stride],
                       values[four[3] * stride]);
}

// Four sums as distances.
TARGET CK_INLINE __m128 code_distances(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *four,
                                       __m128i sums) {
    __m128 scaled = _mm_mul_ps(heads_of(rows_of->scales, rows_of->head_stride, four), _mm_cvtepi32_ps(sums));
    __m128 distances = _mm_fnmadd_ps(_mm_set1_ps(query->factor), scaled, _mm_set1_ps(query->base));
    if (rows_of->biases) distances = _mm_add_ps(distances, heads_of(rows_of->biases, rows_of->head_stride, four));
    return distances;
}

TARGET CK_INLINE __m512i add_nibbles(__m512i sum, const uint8_t *codes, __m512i low, __m512i high) {
    const __m512i mask = _mm512_set1_epi8(15);
    __m512i x = _mm512_loadu_si512(codes);
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(x, mask), low);
    return _mm512_dpbusd_epi32(sum, _mm512_and_si512(_mm512_srli_epi16(x, 4), mask), high);
}
TARGET CK_INLINE __m512i add_bytes(__m512i sum, const uint8_t *codes, __m512i values) {
    return _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(codes), values);
}

// One loop for any stride; with a constant stride the compiler unrolls it and keeps the query in registers.
#define CODES(name, LOAD, ADD, SUM)                                                                                 \
    TARGET CK_INLINE void name##_of(const ck_code_query *query, const ck_codes *rows_of, size_t stride,             \
                                    const uint32_t *rows, size_t count, float *out) {                               \
        const __m128i correction = _mm_set1_epi32(query->correction);                                               \
        for (size_t i = 0; i < count; i += 4) {                                                                     \
            size_t rest = count - i, last = rest < 4 ? rest - 1 : 3;                                                \
            uint32_t four[4] = {rows[i], rows[i + (last < 1 ? last : 1)], rows[i + (last < 2 ? last : 2)],          \
                                rows[i + last]};                                                                    \
            const uint8_t *a = rows_of->codes + (size_t)four[0] * stride;                                           \
            const uint8_t *b = rows_of->codes + (size_t)four[1] * stride;                                           \
            const uint8_t *c = rows_of->codes + (size_t)four[2] * stride;                                           \
            const uint8_t *d = rows_of->codes + (size_t)four[3] * stride;                                           \
            __m512i sa = _mm512_setzero_si512(), sb = sa, sc = sa, sd = sa;                                         \
            for (size_t j = 0; j < stride; j += 64) {                                                               \
                LOAD(j)                                                                                             \
                sa = ADD(sa, a + j), sb = ADD(sb, b + j), sc = ADD(sc, c + j), sd = ADD(sd, d + j);                 \
            }                                                                                                       \
            __m128 distances = code_distances(                                                                      \
                query, rows_of, four, _mm_sub_epi32(SUM(sum_of_four_i32(sa, sb, sc, sd)), correction));             \
            _mm_mask_storeu_ps(out + i, (__mmask8)((2u << last) - 1), distances);                                   \
        }                                                                                                           \
    }                                                                                                               \
    TARGET static void name(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows,              \
                            size_t count, float *out) {                                                             \
        switch (rows_of->stride) {                                                                                  \
        case 64: name##_of(query, rows_of, 64, rows, count, out); break;                                            \
        case 192: name##_of(query, rows_of, 192, rows, count, out); break;                                          \
        case 384: name##_of(query, rows_of, 384, rows, count, out); break;                                          \
        default: name##_of(query, rows_of, rows_of->stride, rows, count, out);                                      \
        }                                                                                                           \
    }
#define LOAD_NIBBLES(j)                                                 \
    __m512i low = _mm512_loadu_si512(query->values + 2 * (j));         \
    __m512i high = _mm512_loadu_si512(query->values + 2 * (j) + 64);
#define ADD_NIBBLES(sum, codes) add_nibbles(sum, codes, low, high)
#define TWICE(sums) _mm_slli_epi32(sums, 1)
#define LOAD_BYTES(j) \
    __m512i values = _mm512_xor_si512(_mm512_loadu_si512(query->values + (j)), _mm512_set1_epi8((char)0x80));
#define ADD_BYTES(sum, codes) add_bytes(sum, codes, values)
#define ONCE(sums) (sums)
CODES(codes_nibbles, LOAD_NIBBLES, ADD_NIBBLES, TWICE)
CODES(codes_bytes, LOAD_BYTES, ADD_BYTES, ONCE)

// Repeating a row does not make it nearer. With a constant stride the query stays in registers.
TARGET CK_INLINE float nearest_bytes_of(const ck_code_query *query, const ck_codes *rows_of, size_t stride,
                                        const uint32_t *rows, size_t count, float enough) {
    const __m128i correction = _mm_set1_epi32(query->correction);
    __m128 nearest = _mm_set1_ps(__builtin_inff());
    for (size_t i = 0; i < count; i += 4) {
        size_t rest = count - i, last = rest < 4 ? rest - 1 : 3;
        uint32_t four[4] = {rows[i], rows[i + (last < 1 ? last : 1)], rows[i + (last < 2 ? last : 2)], rows[i + last]};
        const uint8_t *a = rows_of->codes + (size_t)four[0] * stride;
        const uint8_t *b = rows_of->codes + (size_t)four[1] * stride;
        const uint8_t *c = rows_of->codes + (size_t)four[2] * stride;
        const uint8_t *d = rows_of->codes + (size_t)four[3] * stride;
        __m512i sa = _mm512_setzero_si512(), sb = sa, sc = sa, sd = sa;
        for (size_t j = 0; j < stride; j += 64) {
            LOAD_BYTES(j)
            sa = add_bytes(sa, a + j, values), sb = add_bytes(sb, b + j, values);
            sc = add_bytes(sc, c + j, values), sd = add_bytes(sd, d + j, values);
        }
        nearest = _mm_min_ps(code_distances(query, rows_of, four,
                                            _mm_sub_epi32(sum_of_four_i32(sa, sb, sc, sd), correction)), nearest);
        if (_mm_cmp_ps_mask(nearest, _mm_set1_ps(enough), _CMP_LT_OQ)) break;
    }
    nearest = _mm_min_ps(nearest, _mm_movehl_ps(nearest, nearest));
    return _mm_cvtss_f32(_mm_min_ss(nearest, _mm_shuffle_ps(nearest, nearest, 1)));
}
TARGET static float nearest_bytes(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows,
                                  size_t count, float enough) {
    if (rows_of->stride == 384) return nearest_bytes_of(query, rows_of, 384, rows, count, enough);
    return nearest_bytes_of(query, rows_of, rows_of->stride, rows, count, enough);
}

#include "winnow512.inc"

// How many of `count` keys are smaller: a binary search down to two registers, then a count.
TARGET CK_INLINE int64_t position(const int64_t *keys, int64_t count, int64_t key) {
    int64_t low = 0, high = count;
    while (high - low > 16) {
        int64_t middle = (low + high) >> 1;
        int below = keys[middle] < key;
        low = below ? middle : low;
        high = below ? high : middle;
    }
    const __m512i wanted = _mm512_set1_epi64(key);
    for (;;) {
        int smaller = __builtin_popcount(_mm512_cmplt_epi64_mask(_mm512_loadu_si512(keys + low), wanted));
        low += smaller;
        if (smaller < 8) return low;
    }
}

// Inserts `count` keys of `wanted` into the first 8 · REGISTERS of `keys`, and writes the keys that fall out to
// `wanted`. All keys are in registers meanwhile. No branch depends on the position of a key: when x is inserted, slot i
// of an ascending list holds min(keys[i], max(keys[i - 1], x)).
#define INSERT_INTO(name, REGISTERS)                                                                                \
    TARGET static void name(int64_t *keys, int64_t *wanted, size_t count) {                                         \
        __m512i own[REGISTERS];                                                                                     \
        for (int r = 0; r < REGISTERS; r++) own[r] = _mm512_loadu_si512(keys + 8 * r);                              \
        for (size_t j = 0; j < count; j++) {                                                                        \
            const __m512i x = _mm512_set1_epi64(wanted[j]);                                                         \
            __m512i last = _mm512_max_epi64(own[REGISTERS - 1], x);                                                 \
            _Pragma("clang loop unroll(full)") for (int r = REGISTERS - 1; r > 0; r--) {                            \
                own[r] = _mm512_min_epi64(own[r], _mm512_max_epi64(_mm512_alignr_epi64(own[r], own[r - 1], 7), x)); \
            }                                                                                                       \
            __m512i first = _mm512_alignr_epi64(own[0], _mm512_set1_epi64(INT64_MIN), 7);                           \
            own[0] = _mm512_min_epi64(own[0], _mm512_max_epi64(first, x));                                          \
            wanted[j] = _mm_extract_epi64(_mm512_extracti64x2_epi64(last, 3), 1);                                   \
        }                                                                                                           \
        for (int r = 0; r < REGISTERS; r++) _mm512_storeu_si512(keys + 8 * r, own[r]);                              \
    }
INSERT_INTO(insert_into_16, 2)
INSERT_INTO(insert_into_32, 4)
INSERT_INTO(insert_into_64, 8)

// The keys of sixteen distances and rows, in two registers.
TARGET CK_INLINE __m512i keys_of(__m256i distances, __m256i rows) {
    __m256i ordered = _mm256_xor_si256(
        distances, _mm256_and_si256(_mm256_srai_epi32(distances, 31), _mm256_set1_epi32(0x7fffffff)));
    return _mm512_or_si512(_mm512_slli_epi64(_mm512_cvtepu32_epi64(ordered), 32),
                           _mm512_slli_epi64(_mm512_cvtepu32_epi64(rows), 1));
}

// From this many keys on, it pays to search for the position of the lowest new one.
#define KEYS_SKIPPED 256

TARGET static int64_t pool_insert(ck_pool *pool, const float *distances, const uint32_t *rows, int64_t count) {
    int64_t *keys = pool->keys, lowest = INT64_MAX;
    for (int64_t block = 0; block < count; block += 16) {
        __mmask16 valid = count - block >= 16 ? 0xffff : tail_mask((size_t)(count - block));
        __m512 values = _mm512_maskz_loadu_ps(valid, distances + block);
        unsigned near = _mm512_mask_cmp_ps_mask(valid, values, _mm512_set1_ps(pool->limit), _CMP_LE_OQ);
        if (!near) continue;
        __m512i bits = _mm512_castps_si512(values), ids = _mm512_maskz_loadu_epi32(valid, rows + block);
        __m512i low = keys_of(_mm512_castsi512_si256(bits), _mm512_castsi512_si256(ids));
        __m512i high = keys_of(_mm512_extracti64x4_epi64(bits, 1), _mm512_extracti64x4_epi64(ids, 1));
        int64_t wanted[24], lows = __builtin_popcount(near & 0xff), all = __builtin_popcount(near);
        _mm512_storeu_si512(wanted, _mm512_maskz_compress_epi64((__mmask8)near, low));
        _mm512_storeu_si512(wanted + lows, _mm512_maskz_compress_epi64((__mmask8)(near >> 8), high));
        const __m512i none = _mm512_set1_epi64(INT64_MAX);
        int64_t least = _mm512_reduce_min_epi64(
            _mm512_min_epi64(_mm512_mask_mov_epi64(none, (__mmask8)near, low),
                             _mm512_mask_mov_epi64(none, (__mmask8)(near >> 8), high)));
        lowest = least < lowest ? least : lowest;
        int64_t end = pool->count + all;
        int64_t first = pool->count < KEYS_SKIPPED ? 0 : position(keys, pool->count, least) & ~63;
        for (; first < end; first += 64) {
            if (end - first <= 16) {
                insert_into_16(keys + first, wanted, (size_t)all);
            } else if (end - first <= 32) {
                insert_into_32(keys + first, wanted, (size_t)all);
            } else if (keys[first + 63] > least) {
                insert_into_64(keys + first, wanted, (size_t)all);
            }
        }
        pool->count = end < pool->capacity ? end : pool->capacity;
        for (int64_t i = pool->count; i < end; i++) keys[i] = INT64_MAX;
        ck_pool_lower_limit(pool);
    }
    if (lowest == INT64_MAX) return pool->capacity;
    return position(keys, pool->count, lowest);
}

// Up to this many keys are sorted by counting for each key how many are smaller.
#define KEYS_COUNTED 256

TARGET static size_t sort_keys(const float *distances, const uint32_t *rows, size_t count, int64_t *keys) {
    if (count > KEYS_COUNTED) return ck_sort_keys_portable(distances, rows, count, keys);
    int64_t unsorted[KEYS_COUNTED + 8];
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        unsorted[known] = ck_key(distances[i], rows[i]);
        known += distances[i] == distances[i];
    }
    for (size_t i = known; i < known + 8; i++) unsorted[i] = INT64_MAX;
    for (size_t i = 0; i < known; i++) {
        const __m512i own = _mm512_set1_epi64(unsorted[i]);
        unsigned smaller = 0;
        for (size_t j = 0; j < known; j += 8) {
            smaller += (unsigned)__builtin_popcount(_mm512_cmplt_epi64_mask(_mm512_loadu_si512(unsorted + j), own));
        }
        keys[smaller] = unsorted[i];
    }
    return known;
}

// Writes the unvisited ones of the `valid` ids to `out`; returns how many. Ids are below 2³¹, so that they can be
// signed offsets.
TARGET CK_INLINE size_t gathered(__m512i ids, __mmask16 valid, const uint8_t *visited, uint8_t epoch, uint32_t *out) {
    __m512i marks = _mm512_mask_i32gather_epi32(ids, valid, ids, visited, 1);
    __mmask16 fresh = _mm512_mask_cmpneq_epi32_mask(
        valid, _mm512_and_si512(marks, _mm512_set1_epi32(255)), _mm512_set1_epi32(epoch));
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(fresh, ids));
    return (size_t)__builtin_popcount(fresh);
}

TARGET static size_t gather_unvisited(const uint32_t *links, size_t count, const uint8_t *visited, uint8_t epoch,
                                      uint32_t *out) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 valid = count - i >= 16 ? 0xffff : tail_mask(count - i);
        kept += gathered(_mm512_maskz_loadu_epi32(valid, links + i), valid, visited, epoch, out + kept);
    }
    return kept;
}

#define PERMUTING \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx2,fma,bmi,bmi2,popcnt")))

// The positions of eight numbers of some bits: the bytes that hold each number, and the shift that it needs.
typedef struct packing {
    __m512i bytes, shifts, mask;
    size_t bits;
} packing;

PERMUTING CK_INLINE packing packing_of(size_t bits) {
    const __m512i starts = _mm512_mullo_epi32(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), _mm512_set1_epi64((int)bits));
    const __m512i low_bytes = _mm512_set4_epi32(0x08080808, 0x08080808, 0, 0);
    const __m512i first = _mm512_shuffle_epi8(_mm512_srli_epi64(starts, 3), low_bytes);
    return (packing){
        .bytes = _mm512_add_epi8(first, _mm512_set1_epi64(0x0706050403020100)),
        .shifts = _mm512_and_si512(starts, _mm512_set1_epi64(7)),
        .mask = _mm512_set1_epi32((int)((1u << bits) - 1)),
        .bits = bits,
    };
}

// The sixteen numbers from `packed` on: the bytes of each number are moved into 64 bits of their own and shifted down.
PERMUTING CK_INLINE __m512i sixteen_of(const packing *in, const uint8_t *packed) {
    const __m512i halves = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    // Eight numbers take at most 31 bytes. Bytes beyond those are not read: they may be in memory that is slow to
    // reach.
    __m512i low = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)packed));
    __m512i high = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(packed + in->bits)));
    low = _mm512_srlv_epi64(_mm512_permutexvar_epi8(in->bytes, low), in->shifts);
    high = _mm512_srlv_epi64(_mm512_permutexvar_epi8(in->bytes, high), in->shifts);
    return _mm512_and_si512(_mm512_permutex2var_epi32(low, halves, high), in->mask);
}

PERMUTING static void unpack_by_bytes(const uint8_t *packed, size_t bits, size_t count, uint32_t *out) {
    const packing in = packing_of(bits);
    for (size_t i = 0; i < count; i += 16) _mm512_storeu_si512(out + i, sixteen_of(&in, packed + i / 8 * bits));
}
TARGET static void unpack(const uint8_t *packed, size_t bits, size_t count, uint32_t *out) {
    if (__builtin_cpu_supports("avx512vbmi")) {
        unpack_by_bytes(packed, bits, count, out);
    } else {
        ck_unpack_portable(packed, bits, count, out);
    }
}

PERMUTING static size_t gather_packed_by_bytes(const uint8_t *packed, size_t bits, size_t count,
                                               const uint8_t *visited, uint8_t epoch, uint32_t *out) {
    const packing in = packing_of(bits);
    size_t kept = 0;
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 valid = count - i >= 16 ? 0xffff : tail_mask(count - i);
        kept += gathered(sixteen_of(&in, packed + i / 8 * bits), valid, visited, epoch, out + kept);
    }
    return kept;
}
TARGET static size_t gather_packed(const uint8_t *packed, size_t bits, size_t count, const uint8_t *visited,
                                   uint8_t epoch, uint32_t *out) {
    return __builtin_cpu_supports("avx512vbmi") ? gather_packed_by_bytes(packed, bits, count, visited, epoch, out)
                                                : ck_gather_packed_portable(packed, bits, count, visited, epoch, out);
}

COUNTING static uint64_t count_bits_by_lines(const uint64_t *a, const uint64_t *b, size_t words) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < words; i += 8) {
        __mmask8 valid = words - i >= 8 ? 0xff : (__mmask8)((1u << (words - i)) - 1);
        __m512i bits = _mm512_maskz_loadu_epi64(valid, a + i);
        if (b) bits = _mm512_andnot_si512(_mm512_maskz_loadu_epi64(valid, b + i), bits);
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(bits));
    }
    return (uint64_t)_mm512_reduce_add_epi64(sum);
}
TARGET static uint64_t count_bits(const uint64_t *a, const uint64_t *b, size_t words) {
    return __builtin_cpu_supports("avx512vpopcntdq") ? count_bits_by_lines(a, b, words) : ck_count_bits(a, b, words);
}

// If a word has few bits, they are written two at a time, without a branch that depends on their number; otherwise
// sixteen at a time.
TARGET static size_t list_bits(const uint64_t *words, size_t count, uint32_t first, uint32_t *out) {
    const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    size_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t word = words[i];
        uint32_t from = first + 64 * (uint32_t)i;
        size_t bits = (size_t)__builtin_popcountll(word);
        if (bits <= 2) {
            uint32_t two[2] = {from + (uint32_t)_tzcnt_u64(word), from + (uint32_t)_tzcnt_u64(word & (word - 1))};
            memcpy(out + listed, two, sizeof two);
        } else {
            uint32_t *at = out + listed;
            for (uint32_t part = 0; part < 64; part += 16) {
                __mmask16 own = (__mmask16)(word >> part);
                __m512i rows = _mm512_add_epi32(places, _mm512_set1_epi32((int)(from + part)));
                // All sixteen are written: compressing into memory takes a hundred cycles on some processors.
                _mm512_storeu_si512(at, _mm512_maskz_compress_epi32(own, rows));
                at += __builtin_popcount(own);
            }
        }
        listed += bits;
    }
    return listed;
}

const ck_kernels ck_table_avx512 = {
    .name = "avx512",
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
    .winnow = winnow,
    .estimate_rows = estimate_rows,
    .sketch_planes = sketch_planes,
    .pool_insert = pool_insert,
    .sort_keys = sort_keys,
    .gather_unvisited = gather_unvisited,
    .unpack = unpack,
    .gather_packed = gather_packed,
    .count_bits = count_bits,
    .list_bits = list_bits,
};
#endif
