// madvise is a Linux call; on other systems the function does nothing.
#define _GNU_SOURCE
#include "tables.h"
#if defined(__linux__)
#include <sys/mman.h>
#endif

void ck_advise_huge_pages(void *start, size_t size_bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const uintptr_t page = 2u << 20;
    uintptr_t from = ((uintptr_t)start + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)start + size_bytes) & ~(page - 1);
    // A kernel without transparent huge pages returns EINVAL; ordinary pages work too, only slower.
    if (to > from) (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
    (void)start;
    (void)size_bytes;
#endif
}

#if defined(__GLIBC__)
#include <malloc.h>
void ck_return_freed_memory(void) { malloc_trim(0); }
#else
void ck_return_freed_memory(void) {}
#endif
