// CRC-32C: polynomial 0x1EDC6F41, reflected 0x82F63B78, all ones before and after (RFC 3720, B.4).
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#endif

// Half a byte at a time: the table is 64 bytes of constants, so that nothing must be set up at run time.
static const uint32_t nibbles[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t ck_crc32c_portable(uint32_t seed, const void *bytes, size_t size) {
    const uint8_t *p = bytes;
    uint32_t crc = ~seed;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ nibbles[crc & 15];
        crc = (crc >> 4) ^ nibbles[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
// The instruction takes three cycles, and one can begin every cycle, so three ranges of `size` bytes are summed at the
// same time. The sums of the first two are moved over the bytes that follow by a carry-less product with x^(8 n - 33)
// and are added to the last word of the third (Gopal and others, "Fast CRC computation for iSCSI polynomial using CRC32
// instruction", Intel 2011).
__attribute__((target("sse4.2,pclmul"))) static uint64_t three(
    uint64_t crc, const uint8_t *p, size_t size, uint64_t over_two, uint64_t over_one) {
    uint64_t second = 0, third = 0, word, words[3];
    for (size_t at = 0; at < size; at += 8) {
        memcpy(words, p + at, 8);
        memcpy(words + 1, p + size + at, 8);
        memcpy(words + 2, p + 2 * size + at, 8);
        crc = _mm_crc32_u64(crc, words[0]);
        second = _mm_crc32_u64(second, words[1]);
        if (at + 8 < size) third = _mm_crc32_u64(third, words[2]);
    }
    const __m128i moved = _mm_xor_si128(
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi64_si128((int64_t)over_two), 0),
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)second), _mm_cvtsi64_si128((int64_t)over_one), 0));
    word = words[2] ^ (uint64_t)_mm_cvtsi128_si64(moved);
    return _mm_crc32_u64(third, word);
}
// Each block of 128 bits is folded into the block 2048 bits later, sixteen blocks at the same time: a block equals its
// halves times x^(2048 + 32) and x^(2048 - 32) mod P, bits reflected. At the end four registers are folded into one in
// the same way with 512 (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction",
// Intel 2009). That register has the same remainder as all bytes. `size` is a multiple of 256.
#define FOLD_TARGET __attribute__((target("avx512f,vpclmulqdq,sse4.2")))
FOLD_TARGET static inline __m512i fold(__m512i block, __m512i factors, __m512i next) {
    return _mm512_ternarylogic_epi64(
        _mm512_clmulepi64_epi128(block, factors, 0x00), _mm512_clmulepi64_epi128(block, factors, 0x11), next, 0x96);
}
FOLD_TARGET static uint64_t folded(uint64_t crc, const uint8_t *p, size_t size) {
    const __m512i over_2048 = _mm512_broadcast_i32x4(_mm_set_epi64x(0xb9e02b86, 0xdcb17aa4));
    const __m512i over_512 = _mm512_broadcast_i32x4(_mm_set_epi64x(0x9e4addf8, 0x740eef02));
    __m512i block[4];
    for (int i = 0; i < 4; i++) block[i] = _mm512_loadu_si512(p + 64 * i);
    block[0] = _mm512_xor_si512(block[0], _mm512_zextsi128_si512(_mm_cvtsi64_si128((int64_t)crc)));
    for (size_t at = 256; at < size; at += 256)
        for (int i = 0; i < 4; i++) block[i] = fold(block[i], over_2048, _mm512_loadu_si512(p + at + 64 * i));
    for (int i = 1; i < 4; i++) block[i] = fold(block[i - 1], over_512, block[i]);
    uint64_t words[8];
    _mm512_storeu_si512(words, block[3]);
    crc = 0;
    for (int i = 0; i < 8; i++) crc = _mm_crc32_u64(crc, words[i]);
    return crc;
}
static int has_folding(void) { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq"); }
__attribute__((target("sse4.2"))) static uint32_t hardware(uint32_t seed, const uint8_t *p, size_t size, int folds) {
    uint64_t crc = ~seed;
    if (size >= 256 && folds) {
        const size_t whole = size / 256 * 256;
        crc = folded(crc, p, whole);
        p += whole, size -= whole;
    } else if (size >= 3 * 128 && __builtin_cpu_supports("pclmul")) {
        for (; size >= 3 * 1024; p += 3 * 1024, size -= 3 * 1024) crc = three(crc, p, 1024, 0xa51b6135, 0x170076fa);
        for (; size >= 3 * 128; p += 3 * 128, size -= 3 * 128) crc = three(crc, p, 128, 0xb9e02b86, 0x0d3b6092);
    }
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; size > 0; p++, size--) crc = _mm_crc32_u8((uint32_t)crc, *p);
    return ~(uint32_t)crc;
}
static int has_hardware(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
static int has_folding(void) { return 0; }
__attribute__((target("crc"))) static uint32_t hardware(uint32_t seed, const uint8_t *p, size_t size, int folds) {
    (void)folds;
    uint32_t crc = ~seed;
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    for (; size > 0; p++, size--) crc = __crc32cb(crc, *p);
    return ~crc;
}
static int has_hardware(void) {
#if defined(__APPLE__)
    return 1;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
    return 0;
#endif
}
#else
static int has_folding(void) { return 0; }
static uint32_t hardware(uint32_t seed, const uint8_t *p, size_t size, int folds) {
    (void)folds;
    return ck_crc32c_portable(seed, p, size);
}
static int has_hardware(void) { return 0; }
#endif

uint32_t ck_crc32c(uint32_t seed, const void *bytes, size_t size) {
    return has_hardware() ? hardware(seed, bytes, size, has_folding()) : ck_crc32c_portable(seed, bytes, size);
}

uint32_t ck_crc32c_unfolded(uint32_t seed, const void *bytes, size_t size) {
    return has_hardware() ? hardware(seed, bytes, size, 0) : ck_crc32c_portable(seed, bytes, size);
}
