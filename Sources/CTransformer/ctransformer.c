#include "ctransformer.h"

#include "amx.h"
#include "scratch.h"

#include <math.h>
#include <unistd.h>

/// The tile of a product must be in registers, so its loops must be unrolled.
#define CT_UNROLL _Pragma("clang loop unroll(full)")

/// How far ahead of a product its weights are prefetched, in 16-bit numbers: 4 KB. For a text of 8 tokens: 2.4 → 1.3
/// ms.
#define CT_PREFETCH_AHEAD 2048

#if defined(__x86_64__)
#include <immintrin.h>

// ---- AVX-512 with VNNI: one instruction multiplies and adds 32 pairs of 16-bit numbers ------------------------
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))), \
                             apply_to = function)
#define CT_NAME(x) ct_avx512vnni_##x
#define CT_TABLE_NAME "avx512vnni"
#define CT_WIDTH 16
#define CT_LANES 16
#define CT_TILE_ROWS 12
#define CT_TILE_PANELS 2
#define ct_acc __m512i
#define CT_ZERO() _mm512_setzero_si512()
#define CT_LOAD(p) _mm512_loadu_si512(p)
#define CT_BROADCAST(x) _mm512_set1_epi32(x)
// In assembly, because clang 21 splits the intrinsic into a multiplication and an addition.
static inline __attribute__((always_inline)) __m512i ct_vnni_dot(__m512i acc, __m512i a, __m512i b) {
    __asm__("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
}
#define CT_DOT(acc, a, b) ct_vnni_dot(acc, a, b)
#include "kernels.inc"
#pragma clang attribute pop

// ---- AVX-512 without VNNI: multiply and add in two instructions -----------------------------------------------
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), apply_to = function)
#define CT_NAME(x) ct_avx512bw_##x
#define CT_TABLE_NAME "avx512bw"
#define CT_WIDTH 16
#define CT_LANES 16
#define CT_TILE_ROWS 12
#define CT_TILE_PANELS 2
#define ct_acc __m512i
#define CT_ZERO() _mm512_setzero_si512()
#define CT_LOAD(p) _mm512_loadu_si512(p)
#define CT_BROADCAST(x) _mm512_set1_epi32(x)
#define CT_DOT(acc, a, b) _mm512_add_epi32(acc, _mm512_madd_epi16(a, b))
#include "kernels.inc"
#pragma clang attribute pop

// ---- AVX2 with VNNI: the same in vectors of 256 bits, on processors without AVX-512 ------------------------------
#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
#define CT_NAME(x) ct_avxvnni_##x
#define CT_TABLE_NAME "avxvnni"
#define CT_WIDTH 8
#define CT_LANES 8
#define CT_TILE_ROWS 6
#define CT_TILE_PANELS 1
#define ct_acc __m256i
#define CT_ZERO() _mm256_setzero_si256()
#define CT_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define CT_BROADCAST(x) _mm256_set1_epi32(x)
// VEX-encoded: the EVEX form is AVX-512.
static inline __attribute__((always_inline)) __m256i ct_avxvnni_dot(__m256i acc, __m256i a, __m256i b) {
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
    return acc;
}
#define CT_DOT(acc, a, b) ct_avxvnni_dot(acc, a, b)
#include "kernels.inc"
#pragma clang attribute pop

// ---- AVX2 -----------------------------------------------------------------------------------------------------
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define CT_NAME(x) ct_avx2_##x
#define CT_TABLE_NAME "avx2"
#define CT_WIDTH 8
#define CT_LANES 8
#define CT_TILE_ROWS 6
#define CT_TILE_PANELS 1
#define ct_acc __m256i
#define CT_ZERO() _mm256_setzero_si256()
#define CT_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define CT_BROADCAST(x) _mm256_set1_epi32(x)
#define CT_DOT(acc, a, b) _mm256_add_epi32(acc, _mm256_madd_epi16(a, b))
#include "kernels.inc"
#pragma clang attribute pop
#endif

// ---- every other processor: four lanes, which a compiler turns into SSE2 or NEON -------------------------------
typedef int32_t ct_quad __attribute__((ext_vector_type(4)));

static inline __attribute__((always_inline)) ct_quad ct_load_pairs(const int16_t *p) {
    ct_quad x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
}

#define CT_NAME(x) ct_portable_##x
#define CT_TABLE_NAME "portable"
#define CT_WIDTH 4
#define CT_LANES 4
#define CT_TILE_ROWS 4
#define CT_TILE_PANELS 1
#define ct_acc ct_quad
#if defined(__aarch64__)
#include <arm_neon.h>
#undef CT_TABLE_NAME
#define CT_TABLE_NAME "neon"
static inline __attribute__((always_inline)) ct_quad ct_neon_dot(ct_quad acc, ct_quad a, ct_quad b) {
    const int16x8_t x = (int16x8_t)a, y = (int16x8_t)b;
    const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y)), high = vmull_high_s16(x, y);
    return acc + (ct_quad)vpaddq_s32(low, high);
}
#define CT_DOT(acc, a, b) ct_neon_dot(acc, a, b)
#elif defined(__SSE2__)
#define CT_DOT(acc, a, b) ((acc) + (ct_quad)_mm_madd_epi16((__m128i)(a), (__m128i)(b)))
#else
/// Four pairs of 16-bit numbers in four 32-bit lanes: the sum of the products of the halves, added to `acc`.
static inline __attribute__((always_inline)) ct_quad ct_dot_pairs(ct_quad acc, ct_quad a, ct_quad b) {
    const ct_quad low_a = (a << 16) >> 16, low_b = (b << 16) >> 16;
    return acc + low_a * low_b + (a >> 16) * (b >> 16);
}
#define CT_DOT(acc, a, b) ct_dot_pairs(acc, a, b)
#endif
#define CT_ZERO() ((ct_quad)0)
#define CT_LOAD(p) ct_load_pairs(p)
#define CT_BROADCAST(x) ((ct_quad)(x))
#include "kernels.inc"

// ---- choice ---------------------------------------------------------------------------------------------------

typedef struct {
    const ct_kernels *tables[6];
    int32_t count;
} ct_choice;

static ct_choice ct_choose(void) {
    ct_choice choice = {{0}, 0};
#if defined(__x86_64__)
    __builtin_cpu_init();
    const int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    const int pairs = wide && __builtin_cpu_supports("avx512vnni");
    const ct_kernels *tiles = ct_amx_table();
    if (tiles) choice.tables[choice.count++] = tiles;
    if (pairs) choice.tables[choice.count++] = &ct_avx512vnni_table;
    if (wide) choice.tables[choice.count++] = &ct_avx512bw_table;
    const int narrow = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (narrow && __builtin_cpu_supports("avxvnni")) choice.tables[choice.count++] = &ct_avxvnni_table;
    if (narrow) choice.tables[choice.count++] = &ct_avx2_table;
#endif
    choice.tables[choice.count++] = &ct_portable_table;
    return choice;
}

int32_t ctransformer_table_count(void) { return ct_choose().count; }

const ct_kernels *ctransformer_table(int32_t index) {
    const ct_choice choice = ct_choose();
    return index >= 0 && index < choice.count ? choice.tables[index] : 0;
}

size_t ctransformer_scratch_size(void) { return sizeof(ct_scratch); }

int32_t ctransformer_processor_count(void) {
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > 1024 ? 1024 : (int32_t)count;
}
