// Attention in bfloat16 on the tile unit (AMX): the 32 floats of a head are exactly the depth of one tile.
//
// For each head, and for 16 queries at a time:
//
//     scores   16 queries × 16 keys = queries (16 × 32) × transposed keys (32 × 16), one multiplication for each tile
//     weights  e^(score − the largest of the row), rounded to bfloat16, as tiles of 16 queries × 32 keys
//     context  16 queries × 16 = weights × values (32 keys × 16 columns) over all keys, twice, divided by the row's sum
//
// Keys beyond the text's end are zero rows with zero weights; queries beyond it are computed and not stored.
#include "amx.h"
#include "scratch.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>

#define CT_UNROLL _Pragma("clang loop unroll(full)")

enum { tile_rows = 16, tile_keys = 32, tile_size = 512 };

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,amx-tile,amx-bf16"))), \
    apply_to = function)

/// 32 floats as bfloat16.
static inline __attribute__((always_inline)) __m512i ct_row(const float *x) {
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
}

/// 16 rows of 16 32-bit numbers, transposed.
static inline __attribute__((always_inline)) void ct_turn(__m512i row[16], uint16_t *to) {
    __m512i pair[16], quad[16];
    CT_UNROLL
    for (int i = 0; i < 16; i += 2) {
        pair[i] = _mm512_unpacklo_epi32(row[i], row[i + 1]);
        pair[i + 1] = _mm512_unpackhi_epi32(row[i], row[i + 1]);
    }
    CT_UNROLL
    for (int i = 0; i < 16; i += 4) {
        quad[i] = _mm512_unpacklo_epi64(pair[i], pair[i + 2]);
        quad[i + 1] = _mm512_unpackhi_epi64(pair[i], pair[i + 2]);
        quad[i + 2] = _mm512_unpacklo_epi64(pair[i + 1], pair[i + 3]);
        quad[i + 3] = _mm512_unpackhi_epi64(pair[i + 1], pair[i + 3]);
    }
    // quad[4·g + c] holds, in lane l, column 4·l + c of rows 4·g … 4·g + 3: transpose the 4 × 4 lanes of each c.
    CT_UNROLL
    for (int c = 0; c < 4; c++) {
        const __m512i a = _mm512_shuffle_i32x4(quad[c], quad[4 + c], 0x44);
        const __m512i b = _mm512_shuffle_i32x4(quad[c], quad[4 + c], 0xEE);
        const __m512i d = _mm512_shuffle_i32x4(quad[8 + c], quad[12 + c], 0x44);
        const __m512i e = _mm512_shuffle_i32x4(quad[8 + c], quad[12 + c], 0xEE);
        _mm512_store_si512(to + 32 * c, _mm512_shuffle_i32x4(a, d, 0x88));
        _mm512_store_si512(to + 32 * (4 + c), _mm512_shuffle_i32x4(a, d, 0xDD));
        _mm512_store_si512(to + 32 * (8 + c), _mm512_shuffle_i32x4(b, e, 0x88));
        _mm512_store_si512(to + 32 * (12 + c), _mm512_shuffle_i32x4(b, e, 0xDD));
    }
}

/// The number of tiles of keys.
static inline __attribute__((always_inline)) int32_t padded_count(int32_t tokens) {
    return (tokens + tile_keys - 1) / tile_keys * tile_keys;
}

/// The queries, keys and values of one head as tiles. `text` points at the head's first query.
static void ct_amx_pack_head(const float *text, int32_t tokens, int32_t width, ct_head_tiles *tiles) {
    const size_t stride = (size_t)3 * width;
    const __m512i zero = _mm512_setzero_si512();
    const __m512i interleave =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
                         19, 3, 18, 2, 17, 1, 16, 0);
    for (int32_t first = 0; first < padded_count(tokens); first += tile_rows) {
        __m512i keys[tile_rows];
        CT_UNROLL
        for (int32_t r = 0; r < tile_rows; r++) {
            const float *query = text + (size_t)(first + r) * stride;
            const int is_token = first + r < tokens;
            keys[r] = is_token ? ct_row(query + width) : zero;
            _mm512_store_si512(tiles->queries + (size_t)(first + r) * 32, is_token ? ct_row(query) : zero);
        }
        ct_turn(keys, tiles->keys + (size_t)first * 32);
    }
    for (int32_t first = 0; first < tokens; first += tile_keys) {
        for (int32_t r = 0; r < tile_keys; r += 2) {
            const float *even = text + (size_t)(first + r) * stride + 2 * width, *odd = even + stride;
            CT_UNROLL
            for (int half = 0; half < 2; half++) {
                const __m512 a = first + r < tokens ? _mm512_loadu_ps(even + 16 * half) : _mm512_setzero_ps();
                const __m512 b = first + r + 1 < tokens ? _mm512_loadu_ps(odd + 16 * half) : _mm512_setzero_ps();
                _mm512_store_si512(tiles->values + (size_t)(first / tile_keys * 2 + half) * tile_size + r * 16,
                                   _mm512_permutexvar_epi16(interleave, (__m512i)_mm512_cvtne2ps_pbh(b, a)));
            }
        }
    }
}

/// 2^x for x ≤ 0 with a relative error of 5e-6; 0 for values below the smallest float.
static inline __attribute__((always_inline)) __m512 ct_exp2(__m512 x) {
    const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 r = _mm512_sub_ps(x, whole);
    // A Taylor polynomial in r·ln 2, with |r| ≤ 1/2.
    __m512 p = _mm512_set1_ps(1.3333558e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.6181291e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.5504109e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4022651e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9314718e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    return _mm512_scalef_ps(p, whole);
}

/// Converts one query's scores to weights in tiles of 32 keys; returns the number by which they must be divided.
static inline __attribute__((always_inline)) float ct_amx_softmax(const float *scores, int32_t tokens, uint16_t *to) {
    const float log2e = 1.44269504f;
    const int32_t padded = padded_count(tokens);
    __m512 most = _mm512_set1_ps(-__builtin_inff());
    for (int32_t j = 0; j < tokens; j += 16) {
        const __mmask16 mask = tokens - j >= 16 ? 0xFFFF : (__mmask16)((1u << (tokens - j)) - 1);
        most = _mm512_mask_max_ps(most, mask, most, _mm512_load_ps(scores + j));
    }
    const __m512 shift = _mm512_set1_ps(_mm512_reduce_max_ps(most) * log2e);
    __m512 total = _mm512_setzero_ps();
    for (int32_t j = 0; j < padded; j += tile_keys) {
        const int32_t left = tokens - j;
        const uint32_t mask = left >= tile_keys ? ~0u : (1u << left) - 1;
        const __m512 low = _mm512_fmsub_ps(_mm512_load_ps(scores + j), _mm512_set1_ps(log2e), shift);
        const __m512 high = _mm512_fmsub_ps(_mm512_load_ps(scores + j + 16), _mm512_set1_ps(log2e), shift);
        const __m512 a = _mm512_maskz_mov_ps((__mmask16)mask, ct_exp2(low));
        const __m512 b = _mm512_maskz_mov_ps((__mmask16)(mask >> 16), ct_exp2(high));
        total = _mm512_add_ps(total, _mm512_add_ps(a, b));
        _mm512_store_si512(to + (size_t)j / tile_keys * tile_size, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
    return _mm512_reduce_add_ps(total);
}

/// 16 queries of one head. `out` is the place of the first query; the next one is `width` floats further.
static void ct_amx_attend(const uint16_t *queries, int32_t tokens, int32_t rows, ct_head_tiles *tiles, float *out,
                          int32_t width) {
    const int32_t padded = padded_count(tokens);
    _tile_loadd(4, queries, 64);
    for (int32_t j = 0; j < padded; j += tile_keys) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_loadd(6, tiles->keys + (size_t)j * 32, 64);
        _tile_loadd(7, tiles->keys + (size_t)j * 32 + tile_size, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_stored(0, tiles->scores + j, CT_MAX_TOKENS * sizeof(float));
        _tile_stored(1, tiles->scores + j + 16, CT_MAX_TOKENS * sizeof(float));
    }
    float totals[tile_rows];
    for (int32_t r = 0; r < rows; r++)
        totals[r] = ct_amx_softmax(tiles->scores + r * CT_MAX_TOKENS, tokens, tiles->weights + r * 32);
    _tile_zero(2);
    _tile_zero(3);
    for (int32_t j = 0; j < padded / tile_keys; j++) {
        _tile_loadd(5, tiles->weights + (size_t)j * tile_size, 64);
        _tile_loadd(6, tiles->values + (size_t)(2 * j) * tile_size, 64);
        _tile_loadd(7, tiles->values + (size_t)(2 * j + 1) * tile_size, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(2, tiles->scores, 128);
    _tile_stored(3, tiles->scores + 16, 128);
    for (int32_t r = 0; r < rows; r++) {
        const __m512 inverse = _mm512_set1_ps(1 / totals[r]);
        const float *from = tiles->scores + r * CT_HEAD_SIZE;
        _mm512_storeu_ps(out + (size_t)r * width, _mm512_mul_ps(_mm512_load_ps(from), inverse));
        _mm512_storeu_ps(out + (size_t)r * width + 16, _mm512_mul_ps(_mm512_load_ps(from + 16), inverse));
    }
}

void ct_amx_attention(const float *qkv, int32_t tokens, int32_t heads, float *out, ct_scratch *scratch) {
    const int32_t width = heads * CT_HEAD_SIZE;
    ct_amx_begin();
    for (int32_t head = 0; head < heads; head++) {
        ct_head_tiles *tiles = &scratch->head;
        ct_amx_pack_head(qkv + head * CT_HEAD_SIZE, tokens, width, tiles);
        for (int32_t first = 0; first < tokens; first += tile_rows) {
            const int32_t rows = tokens - first < tile_rows ? tokens - first : tile_rows;
            ct_amx_attend(tiles->queries + (size_t)first * 32, tokens, rows, tiles,
                          out + (size_t)first * width + head * CT_HEAD_SIZE, width);
        }
    }
    ct_amx_end();
}
#pragma clang attribute pop
#endif
