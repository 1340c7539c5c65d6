// CRC-32 with zlib's polynomial: with tables, or by carry-less multiplication if the processor has it.
#include "ctransformer.h"

typedef uint32_t ct_crc_tables[8][256];

static void ct_crc_make_tables(ct_crc_tables table) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0xEDB88320u : 0);
        table[0][i] = value;
    }
    for (int slice = 1; slice < 8; slice++)
        for (uint32_t i = 0; i < 256; i++)
            table[slice][i] = (table[slice - 1][i] >> 8) ^ table[0][table[slice - 1][i] & 255];
}

/// Eight bytes at a time with eight tables ("slicing by 8"; Kounavis and Berry, A Systematic Approach to Building High
/// Performance Software-Based CRC Generators, ISCC 2005). `crc` is the register, not inverted.
static uint32_t ct_crc_by_tables(ct_crc_tables table, uint32_t crc, const uint8_t *bytes, size_t size) {
    while (size >= 8) {
        uint64_t word;
        __builtin_memcpy(&word, bytes, 8);  // little-endian machines only, as the model's numbers are
        word ^= crc;
        crc = 0;
        for (int slice = 0; slice < 8; slice++) crc ^= table[7 - slice][(word >> (8 * slice)) & 255];
        bytes += 8;
        size -= 8;
    }
    while (size--) crc = (crc >> 8) ^ table[0][(crc ^ *bytes++) & 255];
    return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

/// How far ahead memory is prefetched; the model comes from pages that are not in a cache yet.
enum { fold_bytes = 64, prefetch_bytes = 2048 };

/// Folds the first `size` bytes of the message (a multiple of 64, at least 64) into 64 bytes with the same remainder.
///
/// Source: Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction (Intel, 2009). A
/// block of 128 bits that is 512 bits before the next equals its halves times x^(512 + 32) and x^(512 - 32) mod P, bits
/// reflected. Four blocks are folded at the same time.
__attribute__((target("pclmul,sse4.1"))) static void ct_crc_fold(uint32_t crc, const uint8_t *bytes, size_t size,
                                                                 uint8_t folded[fold_bytes]) {
    const __m128i factors = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    __m128i block[4];
    for (int i = 0; i < 4; i++) block[i] = _mm_loadu_si128((const __m128i *)(bytes + 16 * i));
    block[0] = _mm_xor_si128(block[0], _mm_cvtsi32_si128((int32_t)crc));
    for (size_t at = fold_bytes; at < size; at += fold_bytes) {
        __builtin_prefetch(bytes + at + prefetch_bytes);
        for (int i = 0; i < 4; i++) {
            const __m128i low = _mm_clmulepi64_si128(block[i], factors, 0x00);
            const __m128i high = _mm_clmulepi64_si128(block[i], factors, 0x11);
            const __m128i next = _mm_loadu_si128((const __m128i *)(bytes + at + 16 * i));
            block[i] = _mm_xor_si128(_mm_xor_si128(low, high), next);
        }
    }
    for (int i = 0; i < 4; i++) _mm_storeu_si128((__m128i *)(folded + 16 * i), block[i]);
}
#endif

uint32_t ctransformer_crc32(const uint8_t *bytes, size_t size) {
    ct_crc_tables table;  // 8 KB on the stack, made in 10 µs
    ct_crc_make_tables(table);
    uint32_t crc = ~0u;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (size >= 2 * fold_bytes && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        const size_t whole = size / fold_bytes * fold_bytes;
        uint8_t folded[fold_bytes];
        ct_crc_fold(crc, bytes, whole, folded);
        crc = ct_crc_by_tables(table, 0, folded, fold_bytes);
        bytes += whole;
        size -= whole;
    }
#endif
    return ~ct_crc_by_tables(table, crc, bytes, size);
}
