// Products in bfloat16 on the tile unit of newer Xeons (AMX): one instruction multiplies 16 × 32 by 32 × 16.
//
// Source: Intel 64 and IA-32 Architectures Optimization Reference Manual, chapter on AMX. A product takes two by two
// tiles: four sums (tiles 0–3), two tiles of activations (4, 5) and two of weights (6, 7), so that there are four
// multiplications of 16 cycles for four loads.
//
//     activations  tiles of 16 rows × 32 inputs, 1 KB each:     tiled[row / 16][input / 32][row % 16][input % 32]
//     weights      in the layout of the model: a panel of 16 columns is a sequence of tiles of 32 inputs, pairs of
//                  inputs next to each other, but in whole numbers; when the first rows are multiplied by a pair of
//                  panels, the pair is converted to bfloat16, which the other rows of the block then use.
//
// A result depends only on its own row and column and is always summed in the same order, so a text's vector does not
// depend on the other texts of a batch.
#include "amx.h"
#include "scratch.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <math.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CT_UNROLL _Pragma("clang loop unroll(full)")

/// Rows of a tile, inputs across a tile, and 16-bit numbers in it.
enum { tile_rows = 16, tile_inputs = 32, tile_size = tile_rows * tile_inputs };

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,amx-tile,amx-bf16"))), \
    apply_to = function)
#define CT_NAME(x) ct_amx_##x
#define CT_WIDTH 16
#include "vector.inc"
#include "rows.inc"

/// The memory form of LDTILECFG's operand: palette 1, eight tiles of 16 rows × 64 bytes.
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} ct_tile_configuration;

void ct_amx_begin(void) {
    ct_tile_configuration configuration = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        configuration.row_bytes[tile] = 64;
        configuration.rows[tile] = tile_rows;
    }
    _tile_loadconfig(&configuration);
}

void ct_amx_end(void) { _tile_release(); }

/// Rows of floats into tiles of bfloat16. The unused rows of the last tile keep their old contents: their sums are not
/// read.
static void ct_amx_pack(const float *x, int32_t rows, int32_t inputs, uint16_t *tiled) {
    const int32_t across = inputs / tile_inputs;
    for (int32_t row = 0; row < rows; row++) {
        const float *from = x + (size_t)row * inputs;
        uint16_t *to = tiled + (size_t)(row / tile_rows) * across * tile_size + row % tile_rows * tile_inputs;
        for (int32_t k = 0; k < across; k++, from += tile_inputs, to += tile_size)
            _mm512_store_si512(to, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + 16), _mm512_loadu_ps(from)));
    }
}

/// One tile of weights from whole numbers to bfloat16.
static inline __attribute__((always_inline)) void ct_amx_convert(const int16_t *whole, uint16_t *tile) {
    for (int32_t i = 0; i < tile_size; i += 32) {
        const __m512i pairs = _mm512_loadu_si512(whole + i);
        const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(pairs)));
        const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(pairs, 1)));
        _mm512_store_si512(tile + i, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

/// The sums of `count` (1 or 2) tiles of rows and two panels, left in `sums`: rows above columns, 1 KB for each tile.
///
/// With `whole`, the panels are converted on the way; otherwise `ahead` is prefetched, a few lines at each step: the
/// weights of the next panels, which are in memory.
static inline __attribute__((always_inline)) void ct_amx_sums(const uint16_t *rows, int count, int32_t across,
                                                              const int16_t *whole, uint16_t *panels,
                                                              const char *ahead, int32_t ahead_lines, float *sums) {
    const size_t panel = (size_t)across * tile_size;
    _tile_zero(0);
    _tile_zero(1);
    if (count == 2) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int32_t k = 0; k < across; k++) {
        const size_t at = (size_t)k * tile_size;
        if (whole) {
            ct_amx_convert(whole + at, panels + at);
            ct_amx_convert(whole + panel + at, panels + panel + at);
        } else {
            for (int32_t line = 0; line < ahead_lines; line++, ahead += 64) _mm_prefetch(ahead, _MM_HINT_T1);
        }
        _tile_loadd(4, rows + at, 64);
        _tile_loadd(6, panels + at, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, panels + panel + at, 64);
        _tile_dpbf16ps(1, 4, 7);
        if (count == 2) {
            _tile_loadd(5, rows + panel + at, 64);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    if (count == 2) {
        _tile_stored(2, sums + 512, 64);
        _tile_stored(3, sums + 768, 64);
    }
}

/// GELU with an error of 5e-5 of max(1, |x|), which is less than the rounding to bfloat16 that follows: x·(1/2 +
/// c·P(c²)), where c is x limited to −4 … 4 and P is the polynomial of degree 7 that is nearest to (Φ(c) − 1/2)/c
/// there, with errors weighted by c² (fitted by linear programming).
static inline __attribute__((always_inline)) __m512 ct_amx_coarse_gelu(__m512 x) {
    static const float coefficients[8] = {3.9867325e-1f,  -6.5887690e-2f, 9.5053250e-3f,  -1.0064733e-3f,
                                          7.4852855e-5f,  -3.6569757e-6f, 1.0419016e-7f,  -1.3012045e-9f};
    const __m512 c = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(4)), _mm512_set1_ps(-4));
    const __m512 square = _mm512_mul_ps(c, c);
    __m512 p = _mm512_set1_ps(coefficients[7]);
    CT_UNROLL
    for (int i = 6; i >= 0; i--) p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(coefficients[i]));
    return _mm512_mul_ps(x, _mm512_fmadd_ps(c, p, _mm512_set1_ps(0.5f)));
}

/// The result of a product for 32 columns of one row: factors, bias, GELU; to floats, or to the tiles of the next
/// product.
static inline __attribute__((always_inline)) void ct_amx_finish(const ct_linear *layer, const float *sums,
                                                                int32_t column, int gelu, float *out,
                                                                uint16_t *tiled) {
    __m512 y[2];
    CT_UNROLL
    for (int half = 0; half < 2; half++) {
        const int32_t at = column + 16 * half;
        y[half] = _mm512_fmadd_ps(_mm512_load_ps(sums + 256 * half), _mm512_loadu_ps(layer->scales + at),
                                  _mm512_loadu_ps(layer->bias + at));
        if (gelu) y[half] = tiled ? ct_amx_coarse_gelu(y[half]) : (__m512)CT_NAME(gelu)((CT_NAME(vf))y[half]);
    }
    if (tiled) {
        _mm512_store_si512(tiled, (__m512i)_mm512_cvtne2ps_pbh(y[1], y[0]));
    } else {
        _mm512_storeu_ps(out, y[0]);
        _mm512_storeu_ps(out + 16, y[1]);
    }
}

/// At most CT_TILED_ROWS rows × the layer; the result is written to `out`, or to `tiled` if that is not NULL.
static inline __attribute__((always_inline)) void ct_amx_product(const ct_linear *layer, const uint16_t *x,
                                                                 int32_t rows, int gelu, float *out, uint16_t *tiled,
                                                                 ct_scratch *scratch) {
    const int32_t across = layer->inputs / tile_inputs, out_across = layer->outputs / tile_inputs;
    const int32_t steps = (rows + 2 * tile_rows - 1) / (2 * tile_rows);
    // The next pair of panels has 32 lines for each pair of tiles; they are spread over the steps after the first.
    const int32_t ahead_lines = steps > 1 ? (tile_inputs + steps - 2) / (steps - 1) : 0;
    for (int32_t column = 0; column < layer->outputs; column += 2 * CT_PANEL_COLUMNS) {
        const int16_t *whole = layer->weights + (size_t)column * layer->inputs;
        const char *ahead = (const char *)(whole + (size_t)2 * CT_PANEL_COLUMNS * layer->inputs);
        for (int32_t step = 0; step < steps; step++) {
            const int32_t first = step * 2 * tile_rows, left = rows - first;
            const uint16_t *from = x + (size_t)first * layer->inputs;
            const int16_t *fresh = step == 0 ? whole : 0;
            if (left > tile_rows) {
                ct_amx_sums(from, 2, across, fresh, scratch->panels, ahead, ahead_lines, scratch->sums);
            } else {
                ct_amx_sums(from, 1, across, fresh, scratch->panels, ahead, ahead_lines, scratch->sums);
            }
            if (step > 0) ahead += (size_t)ahead_lines * 64 * across;
            for (int32_t r = 0; r < left && r < 2 * tile_rows; r++) {
                const float *sums = scratch->sums + r / tile_rows * 512 + r % tile_rows * 16;
                const size_t tile = (size_t)((first + r) / tile_rows) * out_across + column / tile_inputs;
                const size_t place = (size_t)(first + r) * layer->outputs + column;
                ct_amx_finish(layer, sums, column, gelu, tiled ? 0 : out + place,
                              tiled ? tiled + tile * tile_size + r % tile_rows * tile_inputs : 0);
            }
        }
    }
}

static void ct_amx_linear(const ct_linear *layer, const float *x, int32_t rows, int32_t gelu, float *out,
                          ct_scratch *scratch) {
    ct_amx_begin();
    for (int32_t start = 0; start < rows; start += CT_TILED_ROWS) {
        const int32_t count = rows - start < CT_TILED_ROWS ? rows - start : CT_TILED_ROWS;
        float *to = out + (size_t)start * layer->outputs;
        ct_amx_pack(x + (size_t)start * layer->inputs, count, layer->inputs, scratch->tiled[0]);
        if (gelu) ct_amx_product(layer, scratch->tiled[0], count, 1, to, 0, scratch);
        else ct_amx_product(layer, scratch->tiled[0], count, 0, to, 0, scratch);
    }
    ct_amx_end();
}

/// The wide middle is never written as floats: GELU's results are written to tiles at once.
static void ct_amx_feed_forward(const ct_linear *widen, const ct_linear *narrow, const float *x, int32_t rows,
                                float *wide, float *out, ct_scratch *scratch) {
    (void)wide;
    ct_amx_begin();
    for (int32_t start = 0; start < rows; start += CT_TILED_ROWS) {
        const int32_t count = rows - start < CT_TILED_ROWS ? rows - start : CT_TILED_ROWS;
        ct_amx_pack(x + (size_t)start * widen->inputs, count, widen->inputs, scratch->tiled[0]);
        ct_amx_product(widen, scratch->tiled[0], count, 1, 0, scratch->tiled[1], scratch);
        ct_amx_product(narrow, scratch->tiled[1], count, 0, out + (size_t)start * narrow->outputs, 0, scratch);
    }
    ct_amx_end();
}

static const ct_kernels ct_amx_kernels = {
    "amxbf16", ct_amx_linear, ct_amx_feed_forward, ct_amx_attention, ct_amx_add_norm, ct_amx_embed, ct_amx_pool,
};
#pragma clang attribute pop

/// Whether the processor has tiles (CPUID leaf 7: EDX bits 22 and 24) and Linux permits this process to use them. With
/// the permission, every signal frame holds their 8 KB (ARCH_REQ_XCOMP_PERM for feature 18; the kernel's
/// Documentation/arch/x86/xstate.rst).
const ct_kernels *ct_amx_table(void) {
    enum { request_permission = 0x1023, tile_data = 18 };
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & 1u << 22) || !(d & 1u << 24)) return 0;
    if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return 0;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0 ? &ct_amx_kernels : 0;
}
#else
const ct_kernels *ct_amx_table(void) { return 0; }
#endif
