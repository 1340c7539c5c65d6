#include "cmodel.h"

#if defined(__has_embed)
#if __has_embed("minilm.bin") == 1  // 1 is found and not empty (C23)
#define CMODEL_EMBEDDED
#endif
#endif

#ifdef CMODEL_EMBEDDED
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
static const uint8_t model[] __attribute__((aligned(64))) = {
#embed "minilm.bin"
};
#pragma clang diagnostic pop

const uint8_t *cmodel_bytes(void) { return model; }
size_t cmodel_size(void) { return sizeof model; }
#else
static const uint8_t model[64] __attribute__((aligned(64))) = {0};

const uint8_t *cmodel_bytes(void) { return model; }
size_t cmodel_size(void) { return 0; }
#endif
