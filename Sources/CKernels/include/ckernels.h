// Distance kernels, one function per instruction set, and the few primitives a graph walk needs from C.
//
// A *level* is a set of instructions. `ck_best_level` is chosen once, by the processor alone, and `ck_kernels_at`
// returns the function table of any level that this machine has, so that tests and benchmarks can run all of them. No
// kernel allocates memory or keeps state, and pointers need no alignment.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <string.h>

#pragma clang assume_nonnull begin

typedef enum ck_level {
    CK_PORTABLE = 0,
    CK_AVX2 = 1,    // with FMA
    CK_AVX512 = 2,  // F, BW, DQ, VL and VNNI
    CK_NEON = 3,    // aarch64
} ck_level;
enum { CK_LEVEL_COUNT = 4 };

typedef float (*ck_pair_fn)(const float *a, const float *b, size_t dimension);
/// Writes the distance of `query` to row `rows[i]` of `base` (rows × dimension, row-major) to `out[i]`, `i < count`.
typedef void (*ck_rows_fn)(const float *query, const float *base, size_t dimension, const uint32_t *rows, size_t count,
                           float *out);
/// The nearest rows so far: `count` ascending keys (`ck_key`), then INT64_MAX in the other slots of
/// `ck_pool_slots(capacity)`.
typedef struct ck_pool {
    int64_t *keys;
    int64_t capacity;
    int64_t count;
    /// The distance that a candidate must not exceed: infinity at first, and that of the last key once the pool is
    /// full. The code that fills the pool may lower it.
    float limit;
} ck_pool;
/// Keys are moved 64 at a time, eight cache lines: keys that fall out of a full pool need slots for a moment.
static inline size_t ck_pool_slots(size_t capacity) { return (capacity + 16 + 63) & ~(size_t)63; }
/// Inserts every (`distances[i]`, `rows[i]`), `i < count`, that is within the limit; the farthest keys fall out of a
/// full pool.
///
/// Equal distances are ordered by row; NaN is never inserted. Returns the lowest position that was written, or
/// `capacity` if none was.
typedef int64_t (*ck_insert_fn)(ck_pool *pool, const float *distances, const uint32_t *rows, int64_t count);

/// Writes the keys of (`distances[i]`, `rows[i]`), `i < count`, to `keys` (which has 8 more slots), ascending and
/// without NaN; returns how many. All rows must be different.
typedef size_t (*ck_sort_fn)(const float *distances, const uint32_t *rows, size_t count, int64_t *keys);

/// Copies the ids of `links`, all different, that were not visited in this epoch to `out` (which has `count` + 16
/// slots) in their order; returns how many. Marks none of them. `visited` has four bytes more than there are rows.
typedef size_t (*ck_gather_fn)(const uint32_t *links, size_t count, const uint8_t *visited, uint8_t epoch,
                               uint32_t *out);

/// Writes `count` numbers of `bits` bits (1 to 31), packed with the lowest bits first, to `out` (which has 16 more
/// slots); reads up to 128 bytes beyond the last number.
typedef void (*ck_unpack_fn)(const uint8_t *packed, size_t bits, size_t count, uint32_t *out);
/// `ck_gather_fn` for packed links.
typedef size_t (*ck_gather_packed_fn)(const uint8_t *packed, size_t bits, size_t count, const uint8_t *visited,
                                      uint8_t epoch, uint32_t *out);

/// Rows as codes, `stride` bytes for each row, a multiple of 64. After the last component come values that add nothing:
/// 0 in a query for nibbles, 128 in bytes.
///
/// *Nibbles* are 4 bits a component: byte j of the 64-byte line L holds component 128 L + j in its low half and 128 L +
/// 64 + j in its high half; code c represents c − 7.5. *Bytes* are 8 bits: code u represents u − 128. Row r is
/// `scales[r · head_stride]` times the numbers that its codes represent.
typedef struct ck_codes {
    const uint8_t *codes;
    size_t stride;
    const float *scales;
    /// Added to the distance of each row; NULL adds nothing.
    const float *_Nullable biases;
    /// Floats from the scale of one row to the scale of the next, and from bias to bias: 1 if they have arrays of their
    /// own.
    size_t head_stride;
} ck_codes;

/// A query for rows as codes: `base + bias − factor · scale · Σ (component of the row's codes · component of the
/// query)`.
typedef struct ck_code_query {
    /// For nibbles 2 · stride signed bytes in the order of the components, for bytes `stride` codes as in a row.
    const uint8_t *values;
    float base;
    float factor;
    /// For nibbles 15 times the sum of the signed bytes, for bytes 128 times the sum of the numbers that the codes
    /// represent.
    int32_t correction;
} ck_code_query;

/// Writes the distance of `query` to row `rows[i]` to `out[i]`, `i < count`; exact for the codes up to 65 536
/// components.
typedef void (*ck_codes_fn)(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows, size_t count,
                            float *out);
/// The least distance of `query` to `count` rows of bytes, infinity if there are none; stops after the first four of
/// which one is nearer than `enough`.
typedef float (*ck_nearest_fn)(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows, size_t count,
                               float enough);
/// Codes `dimension` floats; does not change the bytes after them. Returns the scale, 0 for a vector of zeros.
typedef float (*ck_encode_fn)(const float *vector, size_t dimension, uint8_t *codes);

/// The largest difference between the distance by codes of a row and the true one:
/// `error · errors[r] + length · lengths[r] + rest`.
typedef struct ck_code_bound {
    const float *errors;
    const float *lengths;
    float error;
    float length;
    float rest;
} ck_code_bound;

/// Replaces each distance by codes in `distances[i]` of `rows[i]` by its upper bound. Copies the rows whose lower bound
/// is at most `limit` to `out`, and their lower bounds to `least` (each has `count` slots). Returns how many it copied.
typedef size_t (*ck_bound_fn)(const ck_code_bound *bound, const uint32_t *rows, size_t count, float limit,
                              float *distances, uint32_t *out, float *least);

/// Rows as *sketches*, made from their nibbles: one bit a component, its sign, so that most rows that a walk meets are
/// left out after one cache line instead of three or more.
///
/// A row is `stride` words, whole lines: the floats scale, error, bias and the scale of its nibbles, then two words of
/// signs for every 128 components. The row is about `scale` times its signs. The error of an inner product with a query
/// has a standard deviation of `error` times the query's length. `bias` is added to the distance.
typedef struct ck_sketches {
    const uint64_t *words;
    size_t stride;
    /// Whether any bias is not zero.
    int has_biases;
} ck_sketches;

/// A query for sketches. The lower estimate of a distance is
/// `base + bias − factor · scale · Σ (sign · value) − slack · error`.
typedef struct ck_sketch_query {
    /// Three planes of `stride` words: bits 0 and 1 of the values and, with the weight −4, bit 2, in the order of the
    /// signs.
    const uint64_t *planes;
    float base;
    float factor;
    float slack;
    /// The sum of the values.
    int32_t sum;
} ck_sketch_query;

/// Keeps the rows of `rows` (which has three more slots) whose lower estimate is at most `limit`, in their order;
/// returns how many.
typedef size_t (*ck_winnow_fn)(const ck_sketch_query *query, const ck_sketches *rows_of, uint32_t *rows, size_t count,
                               float limit);

/// Writes the estimated distance of `rows[i]`, without `slack`, to `out[i]`, `i < count`.
typedef void (*ck_estimate_fn)(const ck_sketch_query *query, const ck_sketches *rows_of, const uint32_t *rows,
                               size_t count, float *out);

typedef struct ck_kernels {
    const char *name;
    ck_pair_fn _Nonnull dot;         // ⟨a, b⟩
    ck_pair_fn _Nonnull l2_squared;  // Σ (aᵢ − bᵢ)²
    ck_pair_fn _Nonnull manhattan;   // Σ |aᵢ − bᵢ|
    ck_rows_fn _Nonnull rows_dot;    // −⟨query, row⟩: smaller is nearer
    ck_rows_fn _Nonnull rows_l2_squared;
    ck_rows_fn _Nonnull rows_manhattan;
    ck_codes_fn _Nonnull codes_nibbles;
    ck_codes_fn _Nonnull codes_bytes;
    ck_nearest_fn _Nonnull nearest_bytes;
    /// The step is the one of eight whose codes have the direction nearest to the vector's. The scale makes the inner
    /// product of the vector with its code equal to the vector's squared length (RaBitQ's estimator,
    /// doi:10.1145/3654970), so that estimated inner products have no bias.
    ck_encode_fn _Nonnull encode_nibbles;
    /// The largest component becomes ±127.
    ck_encode_fn _Nonnull encode_bytes;
    /// Writes the components as signed bytes plus `bias`; `*step` times a byte is the component. Returns the sum of the
    /// bytes.
    int32_t (*_Nonnull encode_query)(const float *vector, size_t dimension, uint8_t bias, uint8_t *codes, float *step);
    /// The length of the difference between `vector` and the vector that the nibbles of a row represent; `*length` is
    /// the length of the latter.
    float (*_Nonnull nibble_error)(const float *vector, size_t dimension, const uint8_t *codes, float scale,
                                   float *length);
    ck_bound_fn _Nonnull bound_rows;
    ck_winnow_fn _Nonnull winnow;
    ck_estimate_fn _Nonnull estimate_rows;
    /// Writes the planes (3 · `ck_sketch_words`) of a query of signed bytes: `*step` times a value is about the byte.
    /// Returns the sum of the values, and in `*squares` the sum of the squares of the bytes.
    int32_t (*_Nonnull sketch_planes)(const uint8_t *bytes, size_t dimension, uint64_t *planes, float *step,
                                      int32_t *squares);
    ck_insert_fn _Nonnull pool_insert;
    ck_sort_fn _Nonnull sort_keys;
    ck_gather_fn _Nonnull gather_unvisited;
    ck_unpack_fn _Nonnull unpack;
    ck_gather_packed_fn _Nonnull gather_packed;
    /// The number of bits set in `a[i] & ~b[i]`, `i < words`; `b` may be NULL.
    uint64_t (*_Nonnull count_bits)(const uint64_t *a, const uint64_t *_Nullable b, size_t words);
    /// Writes the numbers of the bits set in `words`, counted from `first`, to `out` (which has 64 slots for each
    /// word); returns how many.
    size_t (*_Nonnull list_bits)(const uint64_t *words, size_t count, uint32_t first, uint32_t *out);
} ck_kernels;

/// The table of `level`, or NULL if this machine or this build does not have it.
const ck_kernels *_Nullable ck_kernels_at(ck_level level);
/// The fastest level of this machine.
ck_level ck_best_level(void);

/// Whether winnowing by this table costs less than the scoring it saves, where that was measured: with registers of 32
/// bytes and more.
int ck_winnow_pays(const ck_kernels *table);

/// Words of one sketch.
static inline size_t ck_sketch_words(size_t dimension) { return (2 + (dimension + 127) / 128 * 2 + 7) / 8 * 8; }
/// Makes the sketch of a row from its nibbles, whose scale and bias are given.
void ck_sketch_row(const uint8_t *nibbles, size_t dimension, float scale, float bias, uint64_t *sketch);

/// CRC-32C (Castagnoli, RFC 3720 B.4) of `size` bytes, continuing from `seed`: 0 at the beginning, then the last
/// result.
uint32_t ck_crc32c(uint32_t seed, const void *bytes, size_t size);
/// The same without carry-less products of whole registers, for processors without those; visible for its test.
uint32_t ck_crc32c_unfolded(uint32_t seed, const void *bytes, size_t size);
/// The same with a table, for processors without the instruction; visible as the oracle of the others.
uint32_t ck_crc32c_portable(uint32_t seed, const void *bytes, size_t size);

/// Asks for huge pages in the whole 2 MiB pages of the range; a kernel without huge pages is not an error.
void ck_advise_huge_pages(void *start, size_t size_bytes);

/// Returns freed memory to the system if the allocator has kept it; does nothing on other systems.
void ck_return_freed_memory(void);

/// Prefetches a cache line into the second cache. The second cache can wait for more lines at a time than the first,
/// and reading a line from there takes a few nanoseconds (docs/decisions/search-speed.md has the gain).
static inline void ck_prefetch(const void *address) { __builtin_prefetch(address, 0, 2); }

static inline void ck_prefetch_range(const void *start, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i += 64) ck_prefetch((const char *)start + i);
}

/// Prefetches the first `size_bytes` of each of `count` rows, `stride` bytes apart, for the next step of a walk.
static inline void ck_prefetch_rows(const void *base, size_t stride, size_t size_bytes, const uint32_t *rows,
                                    size_t count) {
    if (size_bytes == 64) {
        for (size_t i = 0; i < count; i++) ck_prefetch((const char *)base + (size_t)rows[i] * stride);
        return;
    }
    if (size_bytes == 192) {
        for (size_t i = 0; i < count; i++) {
            const char *row = (const char *)base + (size_t)rows[i] * stride;
            ck_prefetch(row);
            ck_prefetch(row + 64);
            ck_prefetch(row + 128);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *row = (const char *)base + (size_t)rows[i] * stride;
        ck_prefetch_range(row, size_bytes);
    }
}

/// Copies the unvisited ids of `links` to `out` (which has `count` slots), marks them, and returns how many.
static inline size_t ck_mark_unvisited(const uint32_t *links, size_t count, uint8_t *visited, uint8_t epoch,
                                       uint32_t *out) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t id = links[i];
        out[kept] = id;
        kept += visited[id] != epoch;
        visited[id] = epoch;
    }
    return kept;
}

static inline int ck_has_bit(const uint64_t *bits, uint32_t at) { return (int)(bits[at >> 6] >> (at & 63)) & 1; }

/// Splits the unvisited ids of `links`: those whose bit in `selected` is set are written to `out` and marked, the
/// others are written to `others` and not marked; each has `count` slots. Returns how many were written to `out`.
static inline size_t ck_part_unvisited(const uint32_t *links, size_t count, const uint64_t *selected, uint8_t *visited,
                                       uint8_t epoch, uint32_t *out, uint32_t *others, size_t *otherCount) {
    size_t kept = 0, left = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t id = links[i];
        int is_fresh = visited[id] != epoch, is_selected = ck_has_bit(selected, id);
        out[kept] = id;
        kept += (size_t)(is_fresh & is_selected);
        others[left] = id;
        left += (size_t)(is_fresh & !is_selected);
        visited[id] = is_selected ? epoch : visited[id];
    }
    *otherCount = left;
    return kept;
}

/// Copies the selected and unvisited ids of `links` to `out` (which has `count` slots), marks them, and returns how
/// many. Most ids are expected to be unselected.
static inline size_t ck_gather_selected(const uint32_t *links, size_t count, const uint64_t *selected, uint8_t *visited,
                                        uint8_t epoch, uint32_t *out) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        out[kept] = links[i];
        kept += (size_t)ck_has_bit(selected, links[i]);
    }
    return ck_mark_unvisited(out, kept, visited, epoch, out);
}

// A pool key: the distance as an ordered integer, then the row, then one bit that says "checked".
static inline int64_t ck_key(float distance, uint32_t row) {
    int32_t bits;
    memcpy(&bits, &distance, 4);
    bits ^= (int32_t)((uint32_t)(bits >> 31) & 0x7fffffffu);
    return (int64_t)(((uint64_t)(uint32_t)bits << 32) | ((uint64_t)row << 1));
}
static inline float ck_key_distance(int64_t key) {
    int32_t bits = (int32_t)(key >> 32);
    bits ^= (int32_t)((uint32_t)(bits >> 31) & 0x7fffffffu);
    float distance;
    memcpy(&distance, &bits, 4);
    return distance;
}
static inline uint32_t ck_key_row(int64_t key) { return (uint32_t)((uint64_t)key & 0xffffffffu) >> 1; }

/// The position among `count` keys of the `rank`-th (from 1) whose row has its bit set, or not set if `flip` is 1; -1
/// if there are fewer.
static inline int64_t ck_place_of_selected(const int64_t *keys, int64_t count, int64_t rank, const uint64_t *bits,
                                           int flip) {
    for (int64_t i = 0; i < count; i++) {
        rank -= ck_has_bit(bits, ck_key_row(keys[i])) ^ flip;
        if (rank == 0) return i;
    }
    return -1;
}

// One byte as a lock, held for at most a few hundred nanoseconds; a waiter yields its core after a short spin.
static inline void ck_lock(uint8_t *lock) {
    for (int spins = 0; __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE); spins++) {
        if (spins > 100) sched_yield();
    }
}
static inline void ck_unlock(uint8_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

#pragma clang assume_nonnull end
