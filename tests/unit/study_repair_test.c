// The arithmetic of repair against slow twins: least squares by Gaussian elimination, a textbook
// GPTQ by the Cholesky factor of an inverse, means and deviations counted again.
#include "core/base/rng.h"
#include "core/study/cholesky.h"
#include "core/study/matching.h"
#include "core/study/obc.h"
#include "core/study/rounding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 24, ROWS = 400, OUT = 5, ROUNDS = 20 };

static void assert_near(double a, double b, double tolerance) {
  if (!(fabs(a - b) <= tolerance * (1 + fabs(a) + fabs(b)))) fail_msg("%.12g, not %.12g", a, b);
}

// A random positive definite matrix whose columns weigh differently, and a row of weights.
static void draw(bd_rng *rng, double h[N * N], double w[N]) {
  double x[2 * N][N];
  for (int i = 0; i < 2 * N; i++)
    for (int j = 0; j < N; j++)
      x[i][j] = bd_rng_normal(rng) * (0.2 + j % 5) + (j ? 0.6 * x[i][j - 1] : 0);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      h[i * N + j] = i == j ? 0.05 : 0;
      for (int k = 0; k < 2 * N; k++)
        h[i * N + j] += x[k][i] * x[k][j] / (2 * N);
    }
  for (int j = 0; j < N; j++)
    w[j] = bd_rng_normal(rng);
}

// Solves a x = b (n × n, row-major) by Gaussian elimination with pivots; a and b are used up.
static void solve(double *a, double *b, int n) {
  for (int c = 0; c < n; c++) {
    int best = c;
    for (int r = c; r < n; r++)
      if (fabs(a[r * N + c]) > fabs(a[best * N + c])) best = r;
    for (int k = 0; k < n; k++) {
      double swap = a[c * N + k];
      a[c * N + k] = a[best * N + k], a[best * N + k] = swap;
    }
    double swap = b[c];
    b[c] = b[best], b[best] = swap;
    for (int r = 0; r < n; r++) {
      if (r == c) continue;
      double factor = a[r * N + c] / a[c * N + c];
      for (int k = c; k < n; k++)
        a[r * N + k] -= factor * a[c * N + k];
      b[r] -= factor * b[c];
    }
  }
  for (int c = 0; c < n; c++)
    b[c] /= a[c * N + c];
}

static void times(const double *h, const double *w, double *out) {
  for (int i = 0; i < N; i++) {
    out[i] = 0;
    for (int j = 0; j < N; j++)
      out[i] += h[i * N + j] * w[j];
  }
}

// (v − w)ᵀH(v − w)
static double error_of(const double *h, const double *v, const double *w) {
  double d[N], hd[N], sum = 0;
  for (int i = 0; i < N; i++)
    d[i] = v[i] - w[i];
  times(h, d, hd);
  for (int i = 0; i < N; i++)
    sum += d[i] * hd[i];
  return sum;
}

// The best row with zeros where pruned: H_SS v_S = (H w)_S.
static void best_row(const double *h, const double *w, const bool *pruned, double *v) {
  double a[N * N], b[N], r[N];
  int kept[N], n = 0;
  times(h, w, r);
  for (int i = 0; i < N; i++)
    if (!pruned[i]) kept[n++] = i;
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < n; j++)
      a[i * N + j] = h[kept[i] * N + kept[j]];
    b[i] = r[kept[i]];
  }
  solve(a, b, n);
  memset(v, 0, N * sizeof *v);
  for (int i = 0; i < n; i++)
    v[kept[i]] = b[i];
}

static void invert(const double *h, double *out) {
  memcpy(out, h, N * N * sizeof *h);
  assert_true(bd_cholesky_factor(out, N));
  bd_cholesky_invert(out, N);
}

static void losses_are_the_exact_rise(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(1, 0);
  for (int round = 0; round < ROUNDS; round++) {
    double h[N * N], inverse[N * N], w[N], v[N], loss[N], sum = 0, before = 0;
    int64_t order[N];
    bool pruned[N] = {false};
    draw(&rng, h, w);
    invert(h, inverse);
    assert_int_equal(bd_obc_row(inverse, N, w, NULL, NULL, order, loss, NULL), BD_OK);
    for (int i = 0; i < N; i++) {
      double least = INFINITY; // no other weight would have been cheaper
      for (int j = 0; j < N; j++) {
        if (pruned[j]) continue;
        pruned[j] = true;
        best_row(h, w, pruned, v);
        least = fmin(least, error_of(h, v, w) - before);
        pruned[j] = false;
      }
      assert_near(loss[i], least, 1e-9);
      assert_false(pruned[order[i]]);
      pruned[order[i]] = true;
      sum += loss[i];
      best_row(h, w, pruned, v);
      before = error_of(h, v, w);
      assert_near(sum, before, 1e-9);
    }
  }
}

static void zeros_fall_first(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(2, 0);
  double h[N * N], inverse[N * N], w[N], loss[N], score[N], v[N], sum = 0;
  int64_t order[N];
  bool first[N] = {false}, pruned[N] = {false};
  draw(&rng, h, w);
  invert(h, inverse);
  first[3] = first[7] = first[N - 1] = true;
  assert_int_equal(bd_obc_row(inverse, N, w, first, NULL, order, loss, NULL), BD_OK);
  for (int i = 0; i < 5; i++) {
    assert_true(first[order[i]] == (i < 3));
    pruned[order[i]] = true;
    sum += loss[i];
  }
  best_row(h, w, pruned, v);
  assert_near(sum, error_of(h, v, w), 1e-9);
  bd_obc_scores(order, loss, N, first, score);
  for (int i = 1; i < N; i++)
    assert_true(score[order[i]] >= score[order[i - 1]]);
  bool mask[N];
  assert_int_equal(bd_obc_mask(score, N, 5, mask, NULL), BD_OK);
  assert_memory_equal(mask, pruned, sizeof mask);
}

static void refit_satisfies_its_normal_equations(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(3, 0);
  for (int round = 0; round < ROUNDS; round++) {
    double h[N * N], w[N], r[N], v[N], hv[N], room[N];
    bool pruned[N];
    draw(&rng, h, w);
    for (int j = 0; j < N; j++) {
      pruned[j] = bd_rng_unit(&rng) < 0.05 * round;
      r[j] = bd_rng_normal(&rng);
    }
    bd_kept kept;
    assert_int_equal(bd_kept_of(h, N, pruned, &kept, NULL), BD_OK);
    bd_refit_row(&kept, r, N, v, room);
    bd_kept_free(&kept);
    times(h, v, hv);
    for (int j = 0; j < N; j++) {
      if (pruned[j]) assert_true(v[j] == 0);
      if (!pruned[j]) assert_near(hv[j], r[j], 1e-10);
    }
  }
}

// GPTQ as it is published: U = Cholesky(H⁻¹) upper, columns in the given order; each error over its
// diagonal goes on along U's row.
static void textbook_gptq(const double *h, const int64_t *order, int n, const bd_levels *levels,
                          double *w) {
  double part[N * N], unit[N], inverse[N][N], u[N][N] = {{0}};
  for (int c = 0; c < n; c++) {
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++)
        part[i * N + j] = h[order[i] * N + order[j]];
      unit[i] = i == c;
    }
    solve(part, unit, n);
    for (int i = 0; i < n; i++)
      inverse[i][c] = unit[i];
  }
  for (int i = 0; i < n; i++) // inverse = UᵀU
    for (int j = i; j < n; j++) {
      double sum = inverse[i][j];
      for (int k = 0; k < i; k++)
        sum -= u[k][i] * u[k][j];
      u[i][j] = i == j ? sqrt(sum) : sum / u[i][i];
    }
  for (int i = 0; i < n; i++) {
    double q = bd_levels_near(levels, w[order[i]]), e = (w[order[i]] - q) / u[i][i];
    w[order[i]] = q;
    for (int j = i + 1; j < n; j++)
      w[order[j]] -= e * u[i][j];
  }
}

static void ldlq_is_gptq(void **state) {
  (void)state;
  static const double some[] = {-2, -1.1, -0.4, 0, 0.5, 1.2, 1.9};
  bd_levels levels = {some, 7};
  bd_rng rng = bd_rng_seed(4, 0);
  int moved = 0;
  for (int round = 0; round < 5 * ROUNDS; round++) {
    double h[N * N], w[N], q[N], expected[N], room[N];
    bool pruned[N];
    draw(&rng, h, w);
    for (int j = 0; j < N; j++) {
      pruned[j] = bd_rng_unit(&rng) < 0.01 * round;
      if (pruned[j]) w[j] = 0;
    }
    memcpy(q, w, sizeof q);
    memcpy(expected, w, sizeof q);
    bd_kept kept;
    assert_int_equal(bd_kept_of(h, N, pruned, &kept, NULL), BD_OK);
    int64_t falling[N];
    for (int64_t i = 0; i < kept.n; i++)
      falling[i] = kept.columns[kept.n - 1 - i];
    for (int64_t i = 1; i < kept.n; i++)
      assert_true(h[falling[i] * N + falling[i]] <= h[falling[i - 1] * N + falling[i - 1]]);
    bd_ldlq_row(&kept, (bd_shelf){&levels, NULL}, q, room);
    textbook_gptq(h, falling, (int)kept.n, &levels, expected);
    for (int j = 0; j < N; j++) {
      assert_true(q[j] == expected[j]);
      moved += q[j] != bd_levels_near(&levels, w[j]) && !pruned[j];
    }
    bd_kept_free(&kept);
  }
  assert_true(moved > 50); // feedback did something
}

static void descent_ends_where_no_weight_gains(void **state) {
  (void)state;
  static const double some[] = {-1, 0, 0.8};
  bd_levels levels = {some, 3};
  bd_rng rng = bd_rng_seed(5, 0);
  for (int round = 0; round < ROUNDS; round++) {
    double h[N * N], w[N], r[N], q[N], room[N];
    draw(&rng, h, w);
    times(h, w, r);
    for (int j = 0; j < N; j++)
      q[j] = bd_levels_near(&levels, w[j]);
    double before = error_of(h, q, w);
    bd_descend_row(h, r, N, NULL, (bd_shelf){&levels, NULL}, 200, q, room);
    double after = error_of(h, q, w);
    assert_true(after <= before + 1e-12);
    for (int j = 0; j < N; j++)
      for (int l = 0; l < levels.count; l++) {
        double kept = q[j];
        q[j] = some[l];
        assert_true(error_of(h, q, w) >= after - 1e-9);
        q[j] = kept;
      }
  }
}

static void fill_rows(bd_rng *rng, bd_rows *rows, const double *w) {
  for (int64_t i = 0; i < rows->count; i++) {
    float *x = rows->x + i * rows->groups * rows->in, *y = rows->y + i * rows->groups * rows->out;
    for (int64_t j = 0; j < rows->groups * rows->in; j++)
      x[j] = (float)(bd_rng_normal(rng) + 3 + (j ? 0.5 * (double)x[j - 1] : 0));
    for (int64_t o = 0; o < rows->groups * rows->out; o++) {
      y[o] = (float)(0.1 * bd_rng_normal(rng));
      for (int64_t j = 0; j < rows->in; j++)
        y[o] += (float)(w[o * rows->in + j] * (double)x[o / rows->out * rows->in + j]);
    }
  }
}

static void match_restores_means_and_deviations(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(6, 0);
  bd_rows rows = {0}, plain = {0};
  double w[2 * OUT * N], q[2 * OUT * N], bias = 0.75;
  for (int i = 0; i < 2 * OUT * N; i++) {
    w[i] = bd_rng_normal(&rng);
    q[i] = round(w[i]);
  }
  assert_int_equal(bd_rows_shape(ROWS, 2, N, OUT, &rows, NULL), BD_OK);
  assert_int_equal(bd_rows_shape(ROWS, 2, N, OUT, &plain, NULL), BD_OK);
  fill_rows(&rng, &rows, w);
  memcpy(plain.x, rows.x, sizeof(float) * ROWS * 2 * N);
  memcpy(plain.y, rows.y, sizeof(float) * ROWS * 2 * OUT);
  assert_int_equal(bd_rows_centre(&rows, 2, NULL), BD_OK);
  for (int64_t group = 0; group < 2; group++) {
    double wanted[OUT], given[OUT];
    const double *own = q + group * OUT * N;
    assert_int_equal(bd_match_deviations(&rows, group, own, wanted, given, NULL), BD_OK);
    for (int64_t o = 0; o < OUT; o++) {
      double scale = bd_match_scale(wanted[o], given[o], false);
      double shift = bd_match_shift(&rows, group, o, own, scale, bias);
      double mean[2] = {0}, square[2] = {0};
      for (int64_t i = 0; i < ROWS; i++) {
        double z[2] = {(double)plain.y[i * 2 * OUT + group * OUT + o], bias + shift};
        for (int64_t j = 0; j < N; j++)
          z[1] += scale * own[o * N + j] * (double)plain.x[i * 2 * N + group * N + j];
        for (int k = 0; k < 2; k++) {
          mean[k] += z[k] / ROWS;
          square[k] += z[k] * z[k] / ROWS;
        }
      }
      assert_near(mean[1], mean[0], 1e-5);
      assert_near(square[1] - mean[1] * mean[1], square[0] - mean[0] * mean[0], 1e-4);
    }
  }
  bd_rows_free(&rows);
  bd_rows_free(&plain);
}

static void scales_are_bounded(void **state) {
  (void)state;
  assert_true(bd_match_scale(1, 0, false) == 1);
  assert_true(bd_match_scale(0, 0, true) == 1);
  assert_true(bd_match_scale(1, 1e-9, false) == 1);
  assert_true(bd_match_scale(100, 1, false) == 4);
  assert_true(bd_match_scale(0, 1, false) == 0.5);
  assert_near(bd_match_scale(1.5, 1, false), 1.5, 1e-12);
  assert_true(bd_match_scale(1.4, 1, true) == 1);
  assert_true(bd_match_scale(1.5, 1, true) == 2);
  assert_true(bd_match_scale(1e-30, 0.9e-30, false) > 1.1); // small is not constant
}

static void moments_are_those_of_doubles(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(7, 0);
  double w[2 * OUT * N];
  for (int i = 0; i < 2 * OUT * N; i++)
    w[i] = bd_rng_normal(&rng);
  bd_rows rows = {0};
  bd_moments one, two;
  assert_int_equal(bd_rows_shape(ROWS, 2, N, OUT, &rows, NULL), BD_OK);
  fill_rows(&rng, &rows, w);
  assert_int_equal(bd_rows_centre(&rows, 3, NULL), BD_OK);
  assert_int_equal(bd_moments_of(&rows, 1, 1, NULL, &one, NULL), BD_OK);
  assert_int_equal(bd_moments_of(&rows, 1, 3, NULL, &two, NULL), BD_OK);
  assert_memory_equal(one.h, two.h, sizeof(double) * N * N);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int r = 0; r < ROWS; r++)
        sum += (double)rows.x[r * 2 * N + N + i] * (double)rows.x[r * 2 * N + N + j];
      assert_near(one.h[i * N + j], sum / ROWS, 1e-6);
    }
  for (int o = 0; o < OUT; o++) {
    double sum = 0;
    for (int r = 0; r < ROWS; r++)
      sum += (double)rows.y[r * 2 * OUT + OUT + o] * (double)rows.x[r * 2 * N + N + 2];
    assert_near(one.r[o * N + 2], sum / ROWS, 1e-5);
  }
  bd_moments_free(&one);
  bd_moments_free(&two);
  rows.x[5] = NAN;
  bd_error err;
  assert_int_equal(bd_rows_centre(&rows, 1, &err), BD_INVALID);
  bd_rows_free(&rows);
}

static int load_library(void **state) {
  (void)state;
  return bd_cholesky_start(NULL) == BD_OK ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(losses_are_the_exact_rise),
      cmocka_unit_test(zeros_fall_first),
      cmocka_unit_test(refit_satisfies_its_normal_equations),
      cmocka_unit_test(ldlq_is_gptq),
      cmocka_unit_test(descent_ends_where_no_weight_gains),
      cmocka_unit_test(match_restores_means_and_deviations),
      cmocka_unit_test(scales_are_bounded),
      cmocka_unit_test(moments_are_those_of_doubles),
  };
  return cmocka_run_group_tests(tests, load_library, NULL);
}
