// Two pieces of work at once.
#ifndef BD_BASE_PAIR_H
#define BD_BASE_PAIR_H

#include <stdbool.h>

// Runs other(arg) on a thread of its own beside mine(arg), and returns when both are done; one
// after the other where `pair` is false or no thread can be had.
void bd_pair_run(bool pair, void (*other)(void *arg), void (*mine)(void *arg), void *arg);

#endif
