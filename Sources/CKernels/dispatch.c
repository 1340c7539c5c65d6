// Which tables this machine can run. Only the processor decides; the environment is not read.
#include "tables.h"

#if defined(__x86_64__)
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}
static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

const ck_kernels *ck_kernels_at(ck_level level) {
    switch (level) {
    case CK_PORTABLE: return &ck_table_portable;
#if defined(__x86_64__)
    case CK_AVX2: return has_avx2() ? &ck_table_avx2 : NULL;
    case CK_AVX512: return has_avx512() ? &ck_table_avx512 : NULL;
#endif
#if defined(__aarch64__)
    case CK_NEON: return &ck_table_neon;
#endif
    default: return NULL;
    }
}

int ck_winnow_pays(const ck_kernels *table) {
#if defined(__x86_64__)
    return table == &ck_table_avx512 || table == &ck_table_avx2;
#else
    (void)table;
    return 0;
#endif
}

ck_level ck_best_level(void) {
#if defined(__x86_64__)
    return has_avx512() ? CK_AVX512 : has_avx2() ? CK_AVX2 : CK_PORTABLE;
#elif defined(__aarch64__)
    return CK_NEON;
#else
    return CK_PORTABLE;
#endif
}
