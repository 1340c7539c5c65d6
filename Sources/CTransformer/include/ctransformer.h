// The arithmetic of the built-in transformer: integer matrix products with fused last steps, attention, layer norm,
// pooling.
//
// Each function exists once for each instruction set (the same source, compiled several times); `ctransformer_kernels`
// chooses a table that the processor can run. All matrices are row-major. No function allocates memory, takes locks or
// fails.
//
// When the model was converted, weights were rounded to 12 bits for each output column. The product uses whole numbers:
// activations are rounded to `limit` steps for each row, and sums are exact in 32 bits. `limit` comes with the weights
// and is chosen so that no sum can overflow. So a product gives the same bits on every instruction set but one:
// "amxbf16" multiplies in bfloat16 (8 significant bits) and adds in float32.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Columns in one panel of packed weights.
#define CT_PANEL_COLUMNS 16
/// The widest input of a product.
#define CT_MAX_INPUTS 1536
/// The longest text, in tokens.
#define CT_MAX_TOKENS 256
/// Floats in one head of attention.
#define CT_HEAD_SIZE 32

/// A linear layer, `outputs = inputs × weights + bias`.
typedef struct {
    /// Panels of 16 columns; in a panel, for each pair of inputs, 16 × (weight of the even input, weight of the odd
    /// input).
    const int16_t *weights;
    /// For each column the factor that turns whole numbers back into weights.
    const float *scales;
    const float *bias;
    /// Multiples of 32.
    int32_t inputs, outputs;
    /// Activations are rounded to −limit … limit.
    float limit;
} ct_linear;

/// Memory for one thread's intermediate values: `ctransformer_scratch_size()` bytes that the caller allocates, at a
/// multiple of 64.
typedef struct ct_scratch ct_scratch;
size_t ctransformer_scratch_size(void);

typedef struct {
    /// The instruction set, for reports and tests: "amxbf16", "avx512vnni", "avx512bw", "avxvnni", "avx2",
    /// "neon", "portable".
    const char *name;
    /// `out[rows × outputs] = x[rows × inputs] × layer`, followed by GELU (the one with erf) when `gelu` is not 0.
    void (*linear)(const ct_linear *layer, const float *x, int32_t rows, int32_t gelu, float *out, ct_scratch *scratch);
    /// `out = gelu(x × widen) × narrow`; `wide` has `rows × widen->outputs` floats.
    void (*feed_forward)(const ct_linear *widen, const ct_linear *narrow, const float *x, int32_t rows, float *wide,
                         float *out, ct_scratch *scratch);
    /// Self-attention within one text. `qkv` is `tokens × 3·width` (the query already divided by √head),
    /// `out` is `tokens × width`, where width = heads · 32.
    void (*attention)(const float *qkv, int32_t tokens, int32_t heads, float *out, ct_scratch *scratch);
    /// `out = normalise(x + y) · gain + bias` for each row; epsilon 1e-12. `out` may be `x` or `y`; `y` may be NULL.
    void (*add_norm)(const float *x, const float *y, const float *gain, const float *bias, int32_t rows,
                     int32_t width, float *out);
    /// One row of the word table, in groups of `group` numbers with one factor each, plus `position`.
    void (*embed)(const int8_t *word, const float *scales, const float *position, int32_t width, int32_t group,
                  float *out);
    /// The mean of `tokens` rows, scaled to length 1.
    void (*pool)(const float *x, int32_t tokens, int32_t width, float *out);
} ct_kernels;

/// The number of tables that this processor can run, and each of them, the best first.
int32_t ctransformer_table_count(void);
const ct_kernels *ctransformer_table(int32_t index);

/// The number of processors in use now; at least 1.
int32_t ctransformer_processor_count(void);

/// The CRC-32 of zlib (polynomial 0xEDB88320) of `size` bytes.
uint32_t ctransformer_crc32(const uint8_t *bytes, size_t size);
