// Sketches of rows (ckernels.h), for every machine: the sketch of a row is made once.
#include "tables.h"

// With u = 2 c − 15, a row is scale · u / 2. Its signs represent the part of it along their direction, divided by that
// part's share of the length, so that inner products have no bias (RaBitQ's estimator, doi:10.1145/3654970).
void ck_sketch_row(const uint8_t *nibbles, size_t dimension, float scale, float bias, uint64_t *sketch) {
    int32_t sizes = 0, squares = 0;
    for (size_t line = 0; line * 128 < dimension; line++) {
        const uint8_t *codes = nibbles + line * 64;
        size_t rest = dimension - line * 128;
        size_t low = rest < 64 ? rest : 64, high = rest < 128 ? rest - low : 64;
        for (size_t j = 0; j < low; j++) {
            int32_t u = 2 * (codes[j] & 15) - 15;
            sizes += u < 0 ? -u : u;
            squares += u * u;
        }
        for (size_t j = 0; j < high; j++) {
            int32_t u = 2 * (codes[j] >> 4) - 15;
            sizes += u < 0 ? -u : u;
            squares += u * u;
        }
        sketch[2 + 2 * line] = ck_bits_of(codes, 3);
        sketch[3 + 2 * line] = ck_bits_of(codes, 7);
    }
    float own = sizes > 0 ? scale * (float)squares / (2.0f * (float)sizes) : 0;
    float lost = own * own - scale * scale * (float)squares / (4.0f * (float)dimension);
    float head[4] = {own, lost > 0 ? __builtin_sqrtf(lost) : 0, bias, scale};
    memcpy(sketch, head, sizeof head);
    size_t used = 2 + (dimension + 127) / 128 * 2;
    memset(sketch + used, 0, (ck_sketch_words(dimension) - used) * 8);
}
