// Distance kernels, one function per instruction set, and the few primitives a graph walk needs from C.
//
// A *level* is a family of instructions; `ck_best_level` is chosen once, from the processor alone, and
// `ck_kernels_at` hands out the function table of any level this machine has, so that tests and benches can run
// every one of them. No kernel allocates, no kernel keeps state, and pointers need no alignment.
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
/// The nearest rows met so far: `count` keys (`ck_key`), ascending, then INT64_MAX in the rest of the
/// `ck_pool_slots(capacity)` slots.
typedef struct ck_pool {
    int64_t *keys;
    int64_t capacity;
    int64_t count;
    /// The distance a candidate must not exceed: infinity to begin with, that of the last key once the pool is full.
    /// Whoever fills the pool may lower it.
    float limit;
} ck_pool;
/// Keys are moved by 64, eight cache lines: those that fall out of a full pool need room for a moment.
static inline size_t ck_pool_slots(size_t capacity) { return (capacity + 16 + 63) & ~(size_t)63; }
/// Puts every (`distances[i]`, `rows[i]`), `i < count`, within the limit into its place; the farthest fall out of a
/// full pool.
///
/// Equal distances are ordered by row; NaN is never inserted. Returns the lowest position
/// written, `capacity` when nothing was.
typedef int64_t (*ck_insert_fn)(ck_pool *pool, const float *distances, const uint32_t *rows, int64_t count);

/// Writes the keys of (`distances[i]`, `rows[i]`), `i < count`, all rows different, to `keys` (room for 8 more),
/// ascending, NaN left out; returns how many.
typedef size_t (*ck_sort_fn)(const float *distances, const uint32_t *rows, size_t count, int64_t *keys);

/// Copies the ids of `links`, all different, that were not visited in this epoch to `out` (room for `count` + 16) in
/// their order; returns how many. Marks none of them. `visited` has four bytes more than there are rows.
typedef size_t (*ck_gather_fn)(const uint32_t *links, size_t count, const uint8_t *visited, uint8_t epoch,
                               uint32_t *out);

/// Writes `count` numbers of `bits` bits (1 to 31), packed with the lowest bits first, to `out` (room for 16 more);
/// reads up to 128 bytes behind the last.
typedef void (*ck_unpack_fn)(const uint8_t *packed, size_t bits, size_t count, uint32_t *out);
/// `ck_gather_fn` for links that are packed so.
typedef size_t (*ck_gather_packed_fn)(const uint8_t *packed, size_t bits, size_t count, const uint8_t *visited,
                                      uint8_t epoch, uint32_t *out);

/// Rows kept as codes, `stride` bytes a row, a multiple of 64. Behind the last component stands what adds nothing: 0 in
/// a query for nibbles, 128 in bytes.
///
/// *Nibbles* are 4 bits a component: byte j of the 64-byte line L holds component 128 L + j in its low half and
/// 128 L + 64 + j in its high one; code c stands for c − 7.5. *Bytes* are 8 bits: code u stands for u − 128. Row r is
/// `scales[r · head_stride]` times what its codes stand for.
typedef struct ck_codes {
    const uint8_t *codes;
    size_t stride;
    const float *scales;
    /// Added to the distance of each row; NULL adds nothing.
    const float *_Nullable biases;
    /// Floats from the scale of one row to the next's, and from bias to bias: 1 where they stand alone.
    size_t head_stride;
} ck_codes;

/// A query for rows kept as codes: `base + bias − factor · scale · Σ (what the row's codes stand for)`.
typedef struct ck_code_query {
    /// For nibbles 2 · stride signed bytes in the order of the components, for bytes `stride` codes like a row's.
    const uint8_t *values;
    float base;
    float factor;
    /// For nibbles 15 times the sum of the signed bytes, for bytes 128 times that of what the codes stand for.
    int32_t correction;
} ck_code_query;

/// Writes the distance of `query` to row `rows[i]` to `out[i]`, `i < count`; exact in the codes for up to 65 536
/// components.
typedef void (*ck_codes_fn)(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows, size_t count,
                            float *out);
/// The least distance of `query` to rows kept as bytes, `count` of them, infinity where there are none; stops behind
/// the first four of which one is nearer than `enough`.
typedef float (*ck_nearest_fn)(const ck_code_query *query, const ck_codes *rows_of, const uint32_t *rows, size_t count,
                               float enough);
/// Codes `dimension` floats; the bytes behind them are left alone. Returns the scale, 0 for a vector of zeros.
typedef float (*ck_encode_fn)(const float *vector, size_t dimension, uint8_t *codes);

/// How far the distance by codes of any row may lie from the true one:
/// `error · errors[r] + length · lengths[r] + rest`.
typedef struct ck_code_bound {
    const float *errors;
    const float *lengths;
    float error;
    float length;
    float rest;
} ck_code_bound;

/// Turns `distances[i]` of `rows[i]` by codes into the most they may be, and copies the rows whose distance may be no
/// more than `limit`, with the least it may be, to `out` and `least` (room for `count`). Returns how many it copied.
typedef size_t (*ck_bound_fn)(const ck_code_bound *bound, const uint32_t *rows, size_t count, float limit,
                              float *distances, uint32_t *out, float *least);

/// Rows as *sketches*, drawn from their nibbles: one bit a component, its sign, so that most rows a walk meets are left
/// out after one cache line in place of three or more.
///
/// A row is `stride` words, whole lines: the floats scale, error, bias and the scale of its nibbles, then two words of
/// signs for every 128 components. The row is about `scale` times its signs; how far an inner product with a query is
/// off spreads by `error` times the query's length; `bias` is added to the distance.
typedef struct ck_sketches {
    const uint64_t *words;
    size_t stride;
    /// Whether any bias is not zero.
    int has_biases;
} ck_sketches;

/// A query for sketches: the least a distance is taken to be is
/// `base + bias − factor · scale · Σ (sign · value) − slack · error`.
typedef struct ck_sketch_query {
    /// Three planes of `stride` words: bits 0 and 1 of the values and, weighing −4, bit 2, in the order of the signs.
    const uint64_t *planes;
    float base;
    float factor;
    float slack;
    /// The sum of the values.
    int32_t sum;
} ck_sketch_query;

/// Keeps of `rows` (room for three more) those whose distance may be no more than `limit`, in their order; returns how
/// many.
typedef size_t (*ck_winnow_fn)(const ck_sketch_query *query, const ck_sketches *rows_of, uint32_t *rows, size_t count,
                               float limit);

/// Writes what the distance of `rows[i]` is estimated to be, `slack` aside, to `out[i]`, `i < count`.
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
    /// The step is the one of eight whose codes point most nearly where the vector points; the scale makes the inner
    /// product of the vector with its code equal to the vector's squared length (RaBitQ's estimator,
    /// doi:10.1145/3654970), so that estimated inner products have no bias.
    ck_encode_fn _Nonnull encode_nibbles;
    /// The largest component becomes ±127.
    ck_encode_fn _Nonnull encode_bytes;
    /// Writes the components as signed bytes plus `bias`; `*step` times a byte is the component. Returns the bytes'
    /// sum.
    int32_t (*_Nonnull encode_query)(const float *vector, size_t dimension, uint8_t bias, uint8_t *codes, float *step);
    /// The length of what the nibbles of a row lack of `vector`, their difference; `*length` is the length of what they
    /// stand for.
    float (*_Nonnull nibble_error)(const float *vector, size_t dimension, const uint8_t *codes, float scale,
                                   float *length);
    ck_bound_fn _Nonnull bound_rows;
    ck_winnow_fn _Nonnull winnow;
    ck_estimate_fn _Nonnull estimate_rows;
    /// Writes the planes (3 · `ck_sketch_words`) of a query of signed bytes: `*step` times a value is the byte, about.
    /// Returns the values' sum and in `*squares` that of the bytes' squares.
    int32_t (*_Nonnull sketch_planes)(const uint8_t *bytes, size_t dimension, uint64_t *planes, float *step,
                                      int32_t *squares);
    ck_insert_fn _Nonnull pool_insert;
    ck_sort_fn _Nonnull sort_keys;
    ck_gather_fn _Nonnull gather_unvisited;
    ck_unpack_fn _Nonnull unpack;
    ck_gather_packed_fn _Nonnull gather_packed;
    /// Bits set in `a[i] & ~b[i]`, `i < words`; `b` may be NULL.
    uint64_t (*_Nonnull count_bits)(const uint64_t *a, const uint64_t *_Nullable b, size_t words);
    /// Writes the numbers of the bits set in `words`, counted from `first`, to `out` (room for 64 a word); returns how
    /// many.
    size_t (*_Nonnull list_bits)(const uint64_t *words, size_t count, uint32_t first, uint32_t *out);
} ck_kernels;

/// The table of `level`, or NULL where this machine or this build lacks it.
const ck_kernels *_Nullable ck_kernels_at(ck_level level);
/// The fastest level this machine has.
ck_level ck_best_level(void);

/// Whether winnowing by this table costs less than the scoring it spares, where that was measured: with registers of 32
/// bytes and more.
int ck_winnow_pays(const ck_kernels *table);

/// Words of one sketch.
static inline size_t ck_sketch_words(size_t dimension) { return (2 + (dimension + 127) / 128 * 2 + 7) / 8 * 8; }
/// Draws the sketch of a row from its nibbles, whose scale and bias are given.
void ck_sketch_row(const uint8_t *nibbles, size_t dimension, float scale, float bias, uint64_t *sketch);

/// CRC-32C (Castagnoli, RFC 3720 B.4) of `size` bytes, continuing from `seed`: 0 to begin, the last result to go on.
uint32_t ck_crc32c(uint32_t seed, const void *bytes, size_t size);
/// The same without carry-less products of whole registers, as processors that lack those do it; visible for its test.
uint32_t ck_crc32c_unfolded(uint32_t seed, const void *bytes, size_t size);
/// The same from a table, for machines without the instruction; kept visible as its oracle.
uint32_t ck_crc32c_portable(uint32_t seed, const void *bytes, size_t size);

/// Asks for huge pages over whole 2 MiB pages inside the range; a kernel that has none is no error.
void ck_advise_huge_pages(void *start, size_t size_bytes);

/// Gives memory that was freed back to the system where the allocator keeps it; nothing elsewhere.
void ck_return_freed_memory(void);

/// Asks for a cache line, into the second cache: that has more lines under way at a time than the first, and a line is
/// read from there in a few nanoseconds (docs/performance.md says what it gives, and where).
static inline void ck_prefetch(const void *address) { __builtin_prefetch(address, 0, 2); }

static inline void ck_prefetch_range(const void *start, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i += 64) ck_prefetch((const char *)start + i);
}

/// Asks for the first `size_bytes` of each of `count` rows, `stride` bytes apart, ahead of a walk's next step.
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

/// Copies the ids of `links` not yet visited in this epoch to `out` (room for `count`), marks them, returns how many.
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

/// Parts the ids of `links` not yet visited: those whose bit in `selected` is set go to `out` and are marked, the
/// others to `others` and are not; either has room for `count`. Returns how many went to `out`.
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

/// Copies the ids of `links` that are selected and not yet visited to `out` (room for `count`), marks them, returns how
/// many. Most are expected not to be selected.
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

/// The place among `count` keys of the `rank`-th (from 1) whose row has its bit set, or not set where `flip` is 1; -1
/// where there are fewer.
static inline int64_t ck_place_of_selected(const int64_t *keys, int64_t count, int64_t rank, const uint64_t *bits,
                                           int flip) {
    for (int64_t i = 0; i < count; i++) {
        rank -= ck_has_bit(bits, ck_key_row(keys[i])) ^ flip;
        if (rank == 0) return i;
    }
    return -1;
}

// One byte as a lock, held for a few hundred nanoseconds at most; a waiter yields its core after a short spin.
static inline void ck_lock(uint8_t *lock) {
    for (int spins = 0; __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE); spins++) {
        if (spins > 100) sched_yield();
    }
}
static inline void ck_unlock(uint8_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

#pragma clang assume_nonnull end
