// Functions in copies for the widest vectors that the processor has, chosen when the program is
// loaded; the results are equal. Sanitizers are not up yet at that moment and would crash in it;
// clang gives the choice another name than the one that other files call.
#ifndef BD_BASE_WIDEST_H
#define BD_BASE_WIDEST_H

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                \
    !defined(__SANITIZE_THREAD__)
#define BD_WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BD_WIDEST
#endif

#endif
