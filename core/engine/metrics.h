// How good an output is: against a label, and against another network's output.
#ifndef BD_ENGINE_METRICS_H
#define BD_ENGINE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

// One sample. Undefined figures are NaN.
typedef struct bd_marks {
  bool top1, top5;
  double loss; // −log p(label), nats
} bd_marks;

typedef struct bd_likeness {
  bool agree;           // the same first class
  double kl;            // KL(reference‖other) in nats, over softmax
  double signal, noise; // Σ reference², Σ (reference − other)²
} bd_likeness;

// Are the values a distribution already (none negative, sum 1 to 1e-3)? Otherwise they are logits.
bool bd_is_distribution(const float *values, int64_t count);

// Class of the greatest value, the first where several are; NaN counts as least.
int64_t bd_top_class(const float *values, int64_t count);

bd_marks bd_mark(const float *values, int64_t count, int64_t label, bool distribution);
// A probability of 0 counts as 1e-12, so that the divergence stays finite.
bd_likeness bd_compare(const float *reference, const float *other, int64_t count,
                       bool distribution);

// A mean and its standard error.
typedef struct bd_mean {
  double count, sum, square;
} bd_mean;
void bd_mean_add(bd_mean *mean, double value);
double bd_mean_value(const bd_mean *mean); // NaN without samples
double bd_mean_error(const bd_mean *mean); // sample deviation / √n; NaN below 2 samples

// 10·log10(signal / noise); +Inf where noise is 0, NaN where both are.
double bd_decibel(double signal, double noise);

#endif
