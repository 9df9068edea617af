// LSTM, GRU and RNN.
#include "core/engine/dnnl.h"
#include "core/engine/op.h"

#include <math.h>
#include <string.h>
#include <strings.h>

// Shapes of a recurrent layer: X is steps × batch × inputs, or (layout 1) batch × steps × inputs.
typedef struct recurrent {
  int64_t steps, batch, inputs, hidden, directions, gates;
  bool by_batch;      // layout 1
  bool reverse, both; // direction
  bool input_forget;  // LSTM
  bool reset_after;   // GRU: linear_before_reset
  float clip;         // 0: none
} recurrent;

typedef float (*activation)(float x, float a, float b);

static float act_sigmoid(float x, float a, float b) {
  (void)a, (void)b;
  return 1 / (1 + expf(-x));
}
static float act_tanh(float x, float a, float b) {
  (void)a, (void)b;
  return tanhf(x);
}
static float act_relu(float x, float a, float b) {
  (void)a, (void)b;
  return x > 0 ? x : 0;
}
static float act_affine(float x, float a, float b) {
  return a * x + b;
}
static float act_leaky(float x, float a, float b) {
  (void)b;
  return x < 0 ? a * x : x;
}
static float act_thresholded(float x, float a, float b) {
  (void)b;
  return x > a ? x : 0;
}
static float act_scaled_tanh(float x, float a, float b) {
  return a * tanhf(b * x);
}
static float act_hard_sigmoid(float x, float a, float b) {
  return fmaxf(0, fminf(1, a * x + b));
}
static float act_elu(float x, float a, float b) {
  (void)b;
  return x < 0 ? a * expm1f(x) : x;
}
static float act_softsign(float x, float a, float b) {
  (void)a, (void)b;
  return x / (1 + fabsf(x));
}
static float act_softplus(float x, float a, float b) {
  (void)a, (void)b;
  return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x));
}

typedef struct named_activation {
  const char *name;
  activation function;
  float a, b;
} named_activation;

static const named_activation activations[] = {
    {"Sigmoid", act_sigmoid, 0, 0},
    {"Tanh", act_tanh, 0, 0},
    {"Relu", act_relu, 0, 0},
    {"Affine", act_affine, 1, 0},
    {"LeakyRelu", act_leaky, 0.01f, 0},
    {"ThresholdedRelu", act_thresholded, 1, 0},
    {"ScaledTanh", act_scaled_tanh, 1, 1},
    {"HardSigmoid", act_hard_sigmoid, 0.2f, 0.5f},
    {"Elu", act_elu, 1, 0},
    {"Softsign", act_softsign, 0, 0},
    {"Softplus", act_softplus, 0, 0},
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

static const named_activation *find_activation(const ProtobufCBinaryData *name) {
  for (int i = 0; i < ACTIVATIONS; i++)
    if (strlen(activations[i].name) == name->len &&
        strncasecmp(activations[i].name, (const char *)name->data, name->len) == 0)
      return &activations[i];
  return NULL;
}

// The functions of one direction; `usual` where the node names none.
static bd_status choose_activations(const bd_call *call, const char *const *usual, int count,
                                    int direction, named_activation *out) {
  const Onnx__AttributeProto *said = bd_attr(call, "activations");
  const float *alpha, *beta;
  int alphas = bd_attr_floats(call, "activation_alpha", &alpha);
  int betas = bd_attr_floats(call, "activation_beta", &beta);
  for (int i = 0; i < count; i++) {
    size_t at = (size_t)(direction * count + i);
    ProtobufCBinaryData name = {strlen(usual[i]), (uint8_t *)(uintptr_t)usual[i]};
    if (said && said->n_strings && at >= said->n_strings)
      return bd_bad(call, "names %zu activations, needs more", said->n_strings);
    if (said && said->n_strings) name = said->strings[at];
    const named_activation *found = find_activation(&name);
    if (!found)
      return bd_bad(call, "knows no activation %.*s", (int)name.len, (const char *)name.data);
    out[i] = *found;
    if ((int)at < alphas) out[i].a = alpha[at];
    if ((int)at < betas) out[i].b = beta[at];
  }
  return BD_OK;
}

static bd_status check_part(const bd_call *call, int index, int rank, const int64_t *dims) {
  const bd_tensor *part = bd_in(call, index);
  if (!part) return BD_OK;
  bool fits = part->rank == rank && (bd_type_is_real(part->type) || index == 4);
  for (int i = 0; fits && i < rank; i++)
    fits = part->dims[i] == dims[i];
  char text[128];
  return fits ? BD_OK
              : bd_bad(call, "input %d is %s, which does not fit the others", index,
                       bd_tensor_text(part, text, sizeof text));
}

static bd_status shape_of(const bd_call *call, int64_t gates, recurrent *r) {
  const bd_tensor *x = bd_in(call, 0), *w = bd_in(call, 1), *h = bd_in(call, 2);
  memset(r, 0, sizeof *r);
  if (x->rank != 3 || w->rank != 3 || h->rank != 3 || !bd_type_is_real(x->type))
    return bd_bad(call, "needs inputs of rank 3");
  r->by_batch = bd_attr_int(call, "layout", 0) != 0;
  r->steps = x->dims[r->by_batch ? 1 : 0];
  r->batch = x->dims[r->by_batch ? 0 : 1];
  r->inputs = x->dims[2];
  r->hidden = h->dims[2];
  r->directions = w->dims[0];
  r->gates = gates;
  r->both = bd_attr_is(call, "direction", "bidirectional", false);
  r->reverse = bd_attr_is(call, "direction", "reverse", false);
  r->input_forget = bd_attr_int(call, "input_forget", 0) != 0;
  r->reset_after = bd_attr_int(call, "linear_before_reset", 0) != 0;
  r->clip = bd_attr_float(call, "clip", 0);
  if (r->directions != (r->both ? 2 : 1) ||
      bd_attr_int(call, "hidden_size", r->hidden) != r->hidden)
    return bd_bad(call, "its direction or hidden_size does not fit its weights");
  const int64_t d = r->directions, g = gates * r->hidden;
  BD_TRY(check_part(call, 1, 3, (const int64_t[]){d, g, r->inputs}));
  BD_TRY(check_part(call, 2, 3, (const int64_t[]){d, g, r->hidden}));
  BD_TRY(check_part(call, 3, 2, (const int64_t[]){d, 2 * g}));
  BD_TRY(check_part(call, 4, 1, (const int64_t[]){r->batch}));
  const int64_t state[] = {r->by_batch ? r->batch : d, r->by_batch ? d : r->batch, r->hidden};
  BD_TRY(check_part(call, 5, 3, state));
  BD_TRY(check_part(call, 6, 3, state));
  return check_part(call, 7, 2, (const int64_t[]){d, 3 * r->hidden});
}

static bd_status infer_gates(bd_call *call, int64_t gates) {
  recurrent r;
  BD_TRY(shape_of(call, gates, &r));
  const int64_t all[] = {r.by_batch ? r.batch : r.steps, r.by_batch ? r.steps : r.directions,
                         r.by_batch ? r.directions : r.batch, r.hidden};
  const int64_t last[] = {r.by_batch ? r.batch : r.directions, r.by_batch ? r.directions : r.batch,
                          r.hidden};
  bd_type type = bd_in(call, 0)->type;
  BD_TRY(bd_out(call, 0, type, 4, all));
  BD_TRY(bd_out(call, 1, type, 3, last));
  return bd_out(call, 2, type, 3, last);
}

static bd_status infer_lstm(bd_call *call) {
  return infer_gates(call, 4);
}
static bd_status infer_gru(bd_call *call) {
  return infer_gates(call, 3);
}
static bd_status infer_rnn(bd_call *call) {
  return infer_gates(call, 1);
}

// --- one direction -------------------------------------------------------------------------------

// What a step works on; rows are samples of the batch.
typedef struct pass {
  const bd_call *call;
  recurrent r;
  int direction;
  const float *w, *h_weights, *bias, *peephole; // of this direction; bias, peephole may be NULL
  float *x;                                     // steps × batch × inputs
  float *from_x; // steps × batch × gates·hidden: Wx + Wb (+ Rb, but for a GRU's last gate)
  float *gates;  // batch × gates·hidden
  float *h, *c;  // batch × hidden
  float *spare;  // batch × hidden
  named_activation act[3];
} pass;

static float clipped(const pass *p, float x) {
  if (p->r.clip <= 0) return x;
  return x > p->r.clip ? p->r.clip : x < -p->r.clip ? -p->r.clip : x;
}

static float apply(const pass *p, int which, float x) {
  return p->act[which].function(clipped(p, x), p->act[which].a, p->act[which].b);
}

// state[from] of the batch's samples (layout 1 has batches first) → rows.
static void take_state(const pass *p, const bd_tensor *state, float *rows) {
  const recurrent *r = &p->r;
  memset(rows, 0, (size_t)(r->batch * r->hidden) * sizeof *rows);
  for (int64_t b = 0; state && b < r->batch; b++) {
    int64_t at = r->by_batch ? b * r->directions + p->direction : p->direction * r->batch + b;
    memcpy(rows + b * r->hidden, (const float *)state->data + at * r->hidden,
           (size_t)r->hidden * sizeof *rows);
  }
}

static void give_state(const pass *p, bd_tensor *state, const float *rows) {
  const recurrent *r = &p->r;
  for (int64_t b = 0; state && b < r->batch; b++) {
    int64_t at = r->by_batch ? b * r->directions + p->direction : p->direction * r->batch + b;
    memcpy((float *)state->data + at * r->hidden, rows + b * r->hidden,
           (size_t)r->hidden * sizeof *rows);
  }
}

static bd_status start_pass(const bd_call *call, const recurrent *r, int direction, pass *p) {
  const bd_tensor *x = bd_in(call, 0), *bias = bd_in(call, 3), *peephole = bd_in(call, 7);
  int64_t wide = r->gates * r->hidden;
  *p = (pass){.call = call, .r = *r, .direction = direction};
  p->w = (const float *)bd_in(call, 1)->data + direction * wide * r->inputs;
  p->h_weights = (const float *)bd_in(call, 2)->data + direction * wide * r->hidden;
  p->bias = bias ? (const float *)bias->data + direction * 2 * wide : NULL;
  p->peephole = peephole ? (const float *)peephole->data + direction * 3 * r->hidden : NULL;
  p->x = bd_take(call, x->count + 1, sizeof(float));
  p->from_x = bd_take(call, r->steps * r->batch * wide + 1, sizeof(float));
  p->gates = bd_take(call, r->batch * wide + 1, sizeof(float));
  p->h = bd_take(call, r->batch * r->hidden + 1, sizeof(float));
  p->c = bd_take(call, r->batch * r->hidden + 1, sizeof(float));
  p->spare = bd_take(call, r->batch * r->hidden + 1, sizeof(float));
  if (!p->x || !p->from_x || !p->gates || !p->h || !p->c || !p->spare) return bd_no_memory(call);
  take_state(p, bd_in(call, 5), p->h);
  take_state(p, bd_in(call, 6), p->c);
  for (int64_t t = 0; t < r->steps; t++)
    for (int64_t b = 0; b < r->batch; b++) {
      int64_t at = r->by_batch ? b * r->steps + t : t * r->batch + b;
      memcpy(p->x + (t * r->batch + b) * r->inputs, (const float *)x->data + at * r->inputs,
             (size_t)r->inputs * sizeof(float));
    }
  return BD_OK;
}

// The input's share of all gates, for all steps at once. A GRU's last recurrent bias comes later.
static void multiply_inputs(pass *p) {
  const recurrent *r = &p->r;
  int64_t rows = r->steps * r->batch, wide = r->gates * r->hidden;
  bool gru = r->gates == 3;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t g = 0; g < wide; g++) {
      bool later = gru && g >= 2 * r->hidden;
      p->from_x[i * wide + g] = !p->bias ? 0 : p->bias[g] + (later ? 0 : p->bias[wide + g]);
    }
  if (r->inputs)
    bd_sgemm(false, true, rows, wide, r->inputs, 1, p->x, r->inputs, p->w, r->inputs, 1, p->from_x,
             wide);
}

// gates [from, to) += H·Rᵀ
static void multiply_state(const pass *p, const float *h, int64_t from, int64_t to) {
  const recurrent *r = &p->r;
  int64_t wide = r->gates * r->hidden;
  bd_sgemm(false, true, r->batch, (to - from) * r->hidden, r->hidden, 1, h, r->hidden,
           p->h_weights + from * r->hidden * r->hidden, r->hidden, 1, p->gates + from * r->hidden,
           wide);
}

// Gates: input, output, forget, cell.
static void lstm_row(pass *p, int64_t b) {
  int64_t n = p->r.hidden;
  float *g = p->gates + b * 4 * n, *h = p->h + b * n, *c = p->c + b * n;
  const float *peep = p->peephole;
  for (int64_t k = 0; k < n; k++) {
    float in = apply(p, 0, g[k] + (peep ? peep[k] * c[k] : 0));
    float forget = p->r.input_forget
                       ? 1 - in
                       : apply(p, 0, g[2 * n + k] + (peep ? peep[2 * n + k] * c[k] : 0));
    float cell = apply(p, 1, g[3 * n + k]);
    c[k] = forget * c[k] + in * cell;
    float out = apply(p, 0, g[n + k] + (peep ? peep[n + k] * c[k] : 0));
    h[k] = out * p->act[2].function(c[k], p->act[2].a, p->act[2].b);
  }
}

// Gates: update, reset, hidden.
static void gru_rows(pass *p, int64_t active) {
  int64_t n = p->r.hidden, wide = 3 * n;
  const float *late = p->bias ? p->bias + wide + 2 * n : NULL;
  float *h_part = p->c; // a GRU has no cell: its place is free
  multiply_state(p, p->h, 0, 2);
  for (int64_t b = 0; b < active; b++)
    for (int64_t k = 0; k < n; k++) {
      float reset = apply(p, 0, p->gates[b * wide + n + k]);
      p->gates[b * wide + n + k] = reset;
      p->spare[b * n + k] = p->r.reset_after ? p->h[b * n + k] : reset * p->h[b * n + k];
    }
  bd_sgemm(false, true, p->r.batch, n, n, 1, p->spare, n, p->h_weights + 2 * n * n, n, 0, h_part,
           n);
  for (int64_t b = 0; b < active; b++)
    for (int64_t k = 0; k < n; k++) {
      const float *g = p->gates + b * wide;
      float from_h = h_part[b * n + k] + (late ? late[k] : 0);
      if (p->r.reset_after) from_h *= g[n + k];
      float update = apply(p, 0, g[k]), fresh = apply(p, 1, g[2 * n + k] + from_h);
      p->h[b * n + k] = (1 - update) * fresh + update * p->h[b * n + k];
    }
}

static void step_all(pass *p) {
  const recurrent *r = &p->r;
  int64_t n = r->hidden;
  if (r->gates == 3) {
    gru_rows(p, r->batch);
    return;
  }
  multiply_state(p, p->h, 0, r->gates);
  for (int64_t b = 0; b < r->batch; b++) {
    if (r->gates == 4) {
      lstm_row(p, b);
      continue;
    }
    for (int64_t k = 0; k < n; k++)
      p->h[b * n + k] = apply(p, 0, p->gates[b * n + k]);
  }
}

static int64_t length_of(const pass *p, int64_t b) {
  const bd_tensor *lengths = bd_in(p->call, 4);
  int64_t length = lengths ? bd_tensor_integer(lengths, b) : p->r.steps;
  return length < 0 ? 0 : length > p->r.steps ? p->r.steps : length;
}

// Samples that have ended keep their state, and their outputs are 0.
static void keep_ended(const pass *p, int64_t step, const float *h, const float *c) {
  int64_t n = p->r.hidden;
  for (int64_t b = 0; b < p->r.batch; b++) {
    if (step < length_of(p, b)) continue;
    memcpy(p->h + b * n, h + b * n, (size_t)n * sizeof *h);
    memcpy(p->c + b * n, c + b * n, (size_t)n * sizeof *c);
  }
}

static void give_outputs(const pass *p, int64_t step) {
  const recurrent *r = &p->r;
  bd_tensor *y = p->call->out_count > 0 ? p->call->out[0] : NULL;
  bool backward = r->reverse || p->direction == 1;
  for (int64_t b = 0; y && b < r->batch; b++) {
    int64_t length = length_of(p, b), t = step;
    bool ended = step >= length;
    if (backward && !ended) t = length - 1 - step;
    int64_t at = r->by_batch ? (b * r->steps + t) * r->directions + p->direction
                             : (t * r->directions + p->direction) * r->batch + b;
    float *to = (float *)y->data + at * r->hidden;
    if (ended)
      memset(to, 0, (size_t)r->hidden * sizeof *to);
    else
      memcpy(to, p->h + b * r->hidden, (size_t)r->hidden * sizeof *to);
  }
}

static bd_status run_direction(pass *p) {
  const recurrent *r = &p->r;
  int64_t wide = r->gates * r->hidden, state = r->batch * r->hidden;
  bool backward = r->reverse || p->direction == 1, uneven = bd_in(p->call, 4) != NULL;
  float *old_h = bd_take(p->call, state + 1, sizeof *old_h);
  float *old_c = bd_take(p->call, state + 1, sizeof *old_c);
  if (!old_h || !old_c) return bd_no_memory(p->call);
  multiply_inputs(p);
  for (int64_t step = 0; step < r->steps; step++) {
    for (int64_t b = 0; b < r->batch; b++) {
      int64_t length = length_of(p, b);
      int64_t t = backward && step < length ? length - 1 - step : step;
      memcpy(p->gates + b * wide, p->from_x + (t * r->batch + b) * wide,
             (size_t)wide * sizeof(float));
    }
    if (uneven) {
      memcpy(old_h, p->h, (size_t)state * sizeof *old_h);
      memcpy(old_c, p->c, (size_t)state * sizeof *old_c);
    }
    step_all(p);
    if (uneven) keep_ended(p, step, old_h, old_c);
    give_outputs(p, step);
  }
  give_state(p, p->call->out_count > 1 ? p->call->out[1] : NULL, p->h);
  give_state(p, p->call->out_count > 2 ? p->call->out[2] : NULL, p->c);
  return BD_OK;
}

static bd_status run_gates(bd_call *call, int64_t gates, const char *const *usual, int count) {
  recurrent r;
  BD_TRY(shape_of(call, gates, &r));
  for (int direction = 0; direction < r.directions; direction++) {
    pass p;
    BD_TRY(start_pass(call, &r, direction, &p));
    BD_TRY(choose_activations(call, usual, count, direction, p.act));
    BD_TRY(run_direction(&p));
  }
  return BD_OK;
}

static bd_status run_lstm(bd_call *call) {
  static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};
  return run_gates(call, 4, usual, 3);
}

static bd_status run_gru(bd_call *call) {
  static const char *const usual[] = {"Sigmoid", "Tanh"};
  return run_gates(call, 3, usual, 2);
}

static bd_status run_rnn(bd_call *call) {
  static const char *const usual[] = {"Tanh"};
  return run_gates(call, 1, usual, 1);
}

const bd_op bd_ops_rnn[] = {
    {"LSTM", 7, 0, 3, 8, infer_lstm, run_lstm, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {"GRU", 7, 0, 3, 6, infer_gru, run_gru, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {"RNN", 7, 0, 3, 6, infer_rnn, run_rnn, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {0},
};
