// Plain C for every machine: the reference for the other levels, and the fallback.
#include "tables.h"

// Four partial sums, so that a compiler can use the registers of the baseline without reordering sums.
#define PAIR(name, TERM)                                                          \
    static float name(const float *a, const float *b, size_t dimension) {        \
        float s[4] = {0, 0, 0, 0};                                                \
        size_t i = 0;                                                             \
        for (; i + 4 <= dimension; i += 4)                                        \
            for (int j = 0; j < 4; j++) s[j] += TERM(a[i + j], b[i + j]);         \
        for (; i < dimension; i++) s[0] += TERM(a[i], b[i]);                      \
        return (s[0] + s[1]) + (s[2] + s[3]);                                     \
    }
#define ROWS(name, pair, SIGN)                                                                                  \
    static void name(const float *query, const float *base, size_t dimension, const uint32_t *rows, size_t count, \
                     float *out) {                                                                              \
        for (size_t i = 0; i < count; i++) out[i] = SIGN pair(query, base + (size_t)rows[i] * dimension, dimension); \
    }
CK_INLINE float product(float x, float y) { return x * y; }
CK_INLINE float square(float x, float y) { return (x - y) * (x - y); }
CK_INLINE float gap(float x, float y) { return __builtin_fabsf(x - y); }

PAIR(dot, product)
PAIR(l2_squared, square)
PAIR(manhattan, gap)
ROWS(rows_dot, dot, -)
ROWS(rows_l2_squared, l2_squared, )
ROWS(rows_manhattan, manhattan, )

static void codes_nibbles(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows, size_t count,
                          float *out) {
    const int8_t *values = (const int8_t *)query->values;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *codes = rows_of->codes + (size_t)rows[i] * rows_of->stride;
        int32_t sum = 0;
        for (size_t j = 0; j < rows_of->stride; j += 64) {
            for (size_t n = 0; n < 64; n++) {
                sum += (codes[j + n] & 15) * values[2 * j + n] + (codes[j + n] >> 4) * values[2 * j + 64 + n];
            }
        }
        out[i] = ck_code_distance(query, rows_of, rows[i], 2 * sum - query->correction);
    }
}

static void codes_bytes(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows, size_t count,
                        float *out) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *codes = rows_of->codes + (size_t)rows[i] * rows_of->stride;
        int32_t sum = 0;
        for (size_t j = 0; j < rows_of->stride; j++) sum += codes[j] * ((int32_t)query->values[j] - 128);
        out[i] = ck_code_distance(query, rows_of, rows[i], sum - query->correction);
    }
}

#define TARGET
#include "encode.inc"
#include "planes.inc"

int64_t ck_pool_insert_portable(ck_pool *pool, const float *distances, const uint32_t *rows, int64_t count) {
    int64_t *keys = pool->keys, lowest = pool->capacity;
    for (int64_t i = 0; i < count; i++) {
        if (!(distances[i] <= pool->limit)) continue;
        int64_t key = ck_key(distances[i], rows[i]), low = 0, rest = pool->count;
        while (rest > 0) {
            int64_t half = rest >> 1;
            int below = keys[low + half] < key;
            low = below ? low + half + 1 : low;
            rest = below ? rest - half - 1 : half;
        }
        if (low == pool->capacity) continue;
        memmove(keys + low + 1, keys + low, (size_t)(pool->count - low) * sizeof(int64_t));
        keys[low] = key;
        if (low < lowest) lowest = low;
        ck_pool_grown(pool);
        ck_pool_lower_limit(pool);
    }
    return lowest;
}

// The estimate of one row minus `slack` times its error; one word of its sketch at a time.
CK_INLINE float least_by_words(const ck_sketch_query *query, const ck_sketches *rows_of, uint32_t row, float slack) {
    const size_t stride = rows_of->stride;
    const uint64_t *words = rows_of->words + (size_t)row * stride, *planes = query->planes;
    int32_t sum = 0;
    for (size_t j = 2; j < stride; j++) {
        sum += __builtin_popcountll(words[j] & planes[j]) + 2 * __builtin_popcountll(words[j] & planes[stride + j]) -
               4 * __builtin_popcountll(words[j] & planes[2 * stride + j]);
    }
    float head[4];
    memcpy(head, words, sizeof head);
    return query->base + head[2] - query->factor * head[0] * (float)(2 * sum - query->sum) - slack * head[1];
}

size_t ck_winnow_portable(const ck_sketch_query *query, const ck_sketches *rows_of, uint32_t *rows, size_t count,
                          float limit) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t row = rows[i];
        rows[kept] = row;
        kept += least_by_words(query, rows_of, row, query->slack) <= limit;
    }
    return kept;
}

void ck_estimate_rows_portable(const ck_sketch_query *query, const ck_sketches *rows_of, const uint32_t *rows,
                               size_t count, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = least_by_words(query, rows_of, rows[i], 0);
}

// Inserts keys from the end: the keys of a walk come nearly in order.
size_t ck_sort_keys_portable(const float *distances, const uint32_t *rows, size_t count, int64_t *keys) {
    size_t sorted = 0;
    for (size_t i = 0; i < count; i++) {
        if (distances[i] != distances[i]) continue;
        int64_t key = ck_key(distances[i], rows[i]);
        size_t at = sorted++;
        for (; at > 0 && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
        keys[at] = key;
    }
    return sorted;
}

size_t ck_gather_unvisited_portable(const uint32_t *links, size_t count, const uint8_t *visited, uint8_t epoch,
                                    uint32_t *out) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        out[kept] = links[i];
        kept += visited[links[i]] != epoch;
    }
    return kept;
}

void ck_unpack_portable(const uint8_t *packed, size_t bits, size_t count, uint32_t *out) {
    const uint64_t mask = (1ull << bits) - 1;
    for (size_t i = 0, at = 0; i < count; i++, at += bits) {
        uint64_t word;
        memcpy(&word, packed + (at >> 3), 8);
        out[i] = (uint32_t)(word >> (at & 7) & mask);
    }
}

size_t ck_gather_packed_portable(const uint8_t *packed, size_t bits, size_t count, const uint8_t *visited,
                                 uint8_t epoch, uint32_t *out) {
    const uint64_t mask = (1ull << bits) - 1;
    size_t kept = 0;
    for (size_t i = 0, at = 0; i < count; i++, at += bits) {
        uint64_t word;
        memcpy(&word, packed + (at >> 3), 8);
        uint32_t id = (uint32_t)(word >> (at & 7) & mask);
        out[kept] = id;
        kept += visited[id] != epoch;
    }
    return kept;
}

static uint64_t count_bits(const uint64_t *a, const uint64_t *b, size_t words) {
    return ck_count_bits(a, b, words);
}
static size_t list_bits(const uint64_t *words, size_t count, uint32_t first, uint32_t *out) {
    return ck_list_bits(words, count, first, out);
}

static float nearest_bytes(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows,
                           size_t count, float enough) {
    return ck_nearest_of_fours(codes_bytes, query, rows_of, rows, count, enough);
}

const ck_kernels ck_table_portable = {
    .name = "portable",
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
    .winnow = ck_winnow_portable,
    .estimate_rows = ck_estimate_rows_portable,
    .sketch_planes = sketch_planes,
    .pool_insert = ck_pool_insert_portable,
    .sort_keys = ck_sort_keys_portable,
    .gather_unvisited = ck_gather_unvisited_portable,
    .unpack = ck_unpack_portable,
    .gather_packed = ck_gather_packed_portable,
    .count_bits = count_bits,
    .list_bits = list_bits,
};
