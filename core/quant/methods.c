// The methods: how each run of survivors gets its level.
#include "core/quant/work.h"

#include <math.h>

enum { CLIPS = 100, POWERS = 16, GOLDEN_STEPS = 24, ROUNDS = 100, STARTS = 6 };

static const double CLIP_RATIO = 0.93; // from one clip tried to the next

// The best runs found so far.
typedef struct bd_trial {
  const bd_work *work;
  bd_grid_shape shape;
  bd_runs *runs;
  double sse;
} bd_trial;

static double lowest(const bd_work *work) {
  return work->survivors.count ? bd_survivors_value(&work->survivors, 0) : 0;
}

static double highest(const bd_work *work) {
  size_t count = work->survivors.count;
  return count ? bd_survivors_value(&work->survivors, count - 1) : 0;
}

static bool keeps_one_side(const bd_work *work) {
  return work->setting->grid == BD_SIGNED && work->setting->bits == 1 && bd_work_zero_level(work);
}

static bd_trial trial_of(const bd_work *work, bd_runs *runs) {
  *runs = (bd_runs){0};
  return (bd_trial){.work = work,
                    .shape = {.kind = work->setting->grid,
                              .bits = work->setting->bits,
                              .pow2 = work->setting->scale == BD_POW2},
                    .runs = runs,
                    .sse = INFINITY};
}

// Survivors to the nearest levels of a grid: kept where that is better. Returns its squared error.
static double try_grid(bd_trial *trial, const bd_even_grid *grid) {
  bd_runs runs;
  bd_runs_by_value(&trial->work->survivors, grid, &runs);
  double sse = bd_runs_sse(&trial->work->survivors, &runs);
  if (sse < trial->sse) {
    trial->sse = sse;
    *trial->runs = runs;
  }
  return sse;
}

static double try_range(bd_trial *trial, double low, double high) {
  bd_even_grid grid = bd_grid_over(trial->work->survivors.index, &trial->shape, low, high);
  return try_grid(trial, &grid);
}

// Runs `look` with the one shape there is, or with each of the two that a signed grid of 1 bit has
// beside a zero level.
static void each_shape(bd_trial *trial, void (*look)(bd_trial *, double, double), double low,
                       double high) {
  if (!keeps_one_side(trial->work)) {
    look(trial, low, high);
    return;
  }
  for (trial->shape.lone = 1; trial->shape.lone >= -1; trial->shape.lone -= 2)
    look(trial, low, high);
}

// --- linear, linear-mse -------------------------------------------------------------------------

static void look_whole(bd_trial *trial, double low, double high) {
  try_range(trial, low, high);
}

static bd_status run_linear(const bd_work *work, bd_runs *runs, bd_error *err) {
  (void)err;
  bd_trial trial = trial_of(work, runs);
  each_shape(&trial, look_whole, lowest(work), highest(work));
  return BD_OK;
}

// Golden section over the clip between two that were tried.
static void look_between(bd_trial *trial, double low, double high, double least, double most) {
  const double golden = 0.6180339887498949;
  double a = most - golden * (most - least), b = least + golden * (most - least);
  double at_a = try_range(trial, low * a, high * a), at_b = try_range(trial, low * b, high * b);
  for (int step = 0; step < GOLDEN_STEPS && !bd_cancelled(trial->work->cancel); step++) {
    if (at_a <= at_b) {
      most = b, b = a, at_b = at_a;
      a = most - golden * (most - least);
      at_a = try_range(trial, low * a, high * a);
    } else {
      least = a, a = b, at_a = at_b;
      b = least + golden * (most - least);
      at_b = try_range(trial, low * b, high * b);
    }
  }
}

static void look_clipped(bd_trial *trial, double low, double high) {
  bool pow2 = trial->shape.pow2;
  double clip = 1, best = 1, least = INFINITY, ratio = pow2 ? 0.5 : CLIP_RATIO;
  int clips = pow2 ? POWERS : CLIPS;
  for (int i = 0; i < clips && !bd_cancelled(trial->work->cancel); i++, clip *= ratio) {
    double sse = try_range(trial, low * clip, high * clip);
    if (sse < least) least = sse, best = clip;
  }
  if (!pow2) look_between(trial, low, high, best * ratio, fmin(best / ratio, 1));
}

static bd_status run_linear_mse(const bd_work *work, bd_runs *runs, bd_error *err) {
  bd_trial trial = trial_of(work, runs);
  each_shape(&trial, look_clipped, lowest(work), highest(work));
  if (bd_cancelled(work->cancel)) return bd_fail(err, BD_CANCELLED, "quantizing was cancelled");
  return BD_OK;
}

// --- kmeans, two-stage --------------------------------------------------------------------------

static bd_status run_kmeans(const bd_work *work, bd_runs *runs, bd_error *err) {
  bd_clusters clusters;
  BD_TRY(bd_work_cluster(work, &clusters, err));
  bd_runs_of_centers(work->survivors.index, &clusters, runs);
  return BD_OK;
}

static bd_even_grid grid_of_centers(const bd_work *work, const bd_clusters *clusters) {
  bd_runs unused;
  bd_trial trial = trial_of(work, &unused);
  double low = clusters->count ? clusters->centers[0] : 0;
  double high = clusters->count ? clusters->centers[clusters->count - 1] : 0;
  trial.shape.lone = !keeps_one_side(work) ? 0 : low < 0 ? -1 : 1; // one cluster: its own side
  return bd_grid_over(work->survivors.index, &trial.shape, low, high);
}

static bd_status run_two_stage(const bd_work *work, bd_runs *runs, bd_error *err) {
  bd_clusters clusters;
  BD_TRY(bd_work_cluster(work, &clusters, err));
  bd_even_grid grid = grid_of_centers(work, &clusters);
  bd_runs_by_center(&clusters, &grid, runs);
  return BD_OK;
}

// --- two-stage-refined --------------------------------------------------------------------------

// Sums over the runs of n, n·x, n·x², n·y and n·x·y: x the level's place on the grid, y the mean.
typedef struct bd_fit {
  double n, x, xx, y, xy;
} bd_fit;

static bd_fit fit_of(const bd_work *work, const bd_runs *runs) {
  bd_fit fit = {0};
  for (int i = 0; i < runs->count; i++) {
    size_t from = runs->borders[i], to = runs->borders[i + 1];
    double n, y = 0;
    double x = round(runs->levels[i] / runs->step); // q − zero point
    bd_run_cost(&work->survivors, from, to, &y, &n);
    fit.n += n;
    fit.x += n * x;
    fit.xx += n * x * x;
    fit.y += n * y;
    fit.xy += n * x * y;
  }
  return fit;
}

// The step of least squares through 0; and, on an affine grid, where 0 then lies best.
static bd_even_grid fitted_grid(const bd_trial *trial, const bd_runs *runs, bool shift) {
  bd_fit fit = fit_of(trial->work, runs);
  double step = fit.xx > 0 ? fit.xy / fit.xx : 0, zero = runs->zero_point;
  double spread = fit.xx - fit.x * fit.x / fit.n;
  if (shift && spread > 0) {
    double slope = (fit.xy - fit.x * fit.y / fit.n) / spread;
    double offset = (fit.y - slope * fit.x) / fit.n; // mean = slope·x + offset
    double most = (1 << trial->shape.bits) - 1;
    zero = fmin(fmax(round(zero - offset / slope), 0), most);
    step = slope;
  }
  if (!(step > 0) || !isfinite(step) || !isfinite(zero)) return (bd_even_grid){.count = 0};
  return bd_grid_of(trial->work->survivors.index, &trial->shape, step, zero);
}

// Nearest levels and least squares in turn, as long as that helps. runs: where to begin.
static void refine(bd_trial *trial, bd_runs runs) {
  const bd_survivors *survivors = &trial->work->survivors;
  double before = bd_runs_sse(survivors, &runs);
  bool shifts = trial->shape.kind == BD_AFFINE;
  for (int round = 0; round < ROUNDS && !bd_cancelled(trial->work->cancel); round++) {
    if (!(runs.step > 0) || runs.count == 0) return;
    bd_even_grid grid = fitted_grid(trial, &runs, shifts && round % 2 == 0);
    if (grid.count == 0) return;
    try_grid(trial, &grid);
    bd_runs next;
    bd_runs_by_value(survivors, &grid, &next);
    double sse = bd_runs_sse(survivors, &next);
    if (sse < before) {
      runs = next;
      before = sse;
    } else if (!shifts || round % 2 == 1) {
      return;
    }
  }
}

static void look_refined(bd_trial *trial, double low, double high) {
  look_clipped(trial, low, high);
  if (trial->shape.pow2) return; // there is no step between two powers
  refine(trial, *trial->runs);
  double clip = 1;
  for (int i = 0; i < STARTS; i++, clip *= 0.7) {
    bd_even_grid grid =
        bd_grid_over(trial->work->survivors.index, &trial->shape, low * clip, high * clip);
    bd_runs runs;
    bd_runs_by_value(&trial->work->survivors, &grid, &runs);
    refine(trial, runs);
  }
}

static bd_status run_refined(const bd_work *work, bd_runs *runs, bd_error *err) {
  bd_clusters clusters;
  BD_TRY(bd_work_cluster(work, &clusters, err));
  bd_trial trial = trial_of(work, runs);
  bd_even_grid grid = grid_of_centers(work, &clusters);
  try_grid(&trial, &grid);
  if (!trial.shape.pow2 && !keeps_one_side(work)) refine(&trial, *runs);
  each_shape(&trial, look_refined, lowest(work), highest(work));
  if (bd_cancelled(work->cancel)) return bd_fail(err, BD_CANCELLED, "quantizing was cancelled");
  return BD_OK;
}

const bd_method_row *bd_method_of(bd_method method) {
  static const bd_method_row rows[] = {
      [BD_LINEAR] = {run_linear, BD_NO_CLUSTERS},
      [BD_LINEAR_MSE] = {run_linear_mse, BD_NO_CLUSTERS},
      [BD_KMEANS] = {run_kmeans, BD_KEPT},
      [BD_TWO_STAGE] = {run_two_stage, BD_KEPT},
      [BD_TWO_STAGE_REFINED] = {run_refined, BD_REASSIGNED},
  };
  return &rows[method];
}
