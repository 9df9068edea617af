// Which samples, exactly: a hash that says whether they are the same as those of another day.
#ifndef BD_STUDY_DATA_HASH_H
#define BD_STUDY_DATA_HASH_H

#include "core/engine/data.h"
#include "core/model/model.h"

// SHA-256 over the hashes of every run's inputs, as the network gets them, and of the labels (one a
// sample; NULL: without). The same for any number of threads (0: the processors at hand).
bd_status bd_data_hash(const bd_data *data, const int64_t *labels, int threads,
                       const bd_cancel *cancel, char out[65], bd_error *err);

#endif
