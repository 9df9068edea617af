#include "core/engine/metrics.h"

#include <math.h>

static const double least_probability = 1e-12;

bool bd_is_distribution(const float *values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) {
    if (!(values[i] >= 0)) return false;
    sum += (double)values[i];
  }
  return fabs(sum - 1) <= 1e-3;
}

int64_t bd_top_class(const float *values, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++)
    if (values[i] > values[best] || (isnan(values[best]) && !isnan(values[i]))) best = i;
  return best;
}

// log Σ exp(values)
static double log_sum(const float *values, int64_t count) {
  double most = (double)values[bd_top_class(values, count)], sum = 0;
  for (int64_t i = 0; i < count; i++)
    sum += exp((double)values[i] - most);
  return most + log(sum);
}

static double log_probability(double value, double normal, bool distribution) {
  if (!distribution) return value - normal;
  return log(value > least_probability ? value : least_probability);
}

bd_marks bd_mark(const float *values, int64_t count, int64_t label, bool distribution) {
  int64_t before = 0; // classes that come first: greater, or as great with a lower number
  for (int64_t i = 0; i < count; i++)
    before += values[i] > values[label] || (values[i] == values[label] && i < label);
  bool number = !isnan(values[label]);
  double normal = distribution ? 0 : log_sum(values, count);
  return (bd_marks){.top1 = number && before == 0,
                    .top5 = number && before < 5,
                    .loss = -log_probability((double)values[label], normal, distribution)};
}

bd_likeness bd_compare(const float *reference, const float *other, int64_t count,
                       bool distribution) {
  bd_likeness out = {.agree = bd_top_class(reference, count) == bd_top_class(other, count)};
  double normal = distribution ? 0 : log_sum(reference, count);
  double other_normal = distribution ? 0 : log_sum(other, count);
  for (int64_t i = 0; i < count; i++) {
    double p = (double)reference[i], q = (double)other[i];
    double log_p = log_probability(p, normal, distribution);
    out.kl += exp(log_p) * (log_p - log_probability(q, other_normal, distribution));
    out.signal += p * p;
    out.noise += (p - q) * (p - q);
  }
  if (out.kl < 0) out.kl = 0; // rounding
  return out;
}

void bd_mean_add(bd_mean *mean, double value) {
  mean->count++;
  mean->sum += value;
  mean->square += value * value;
}

double bd_mean_value(const bd_mean *mean) {
  return mean->count > 0 ? mean->sum / mean->count : NAN;
}

double bd_mean_error(const bd_mean *mean) {
  if (mean->count < 2) return NAN;
  double average = mean->sum / mean->count;
  double variance = (mean->square - mean->count * average * average) / (mean->count - 1);
  return variance > 0 ? sqrt(variance / mean->count) : 0;
}

double bd_decibel(double signal, double noise) {
  if (noise == 0) return signal > 0 ? INFINITY : NAN;
  return 10 * log10(signal / noise);
}
