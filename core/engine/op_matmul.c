// Products of matrices: MatMul, Gemm, Einsum.
#include "core/engine/broadcast.h"
#include "core/engine/dnnl.h"
#include "core/engine/op.h"

#include <string.h>

// --- MatMul --------------------------------------------------------------------------------------

// A product of stacks of matrices: m×k by k×n.
typedef struct product {
  bd_tensor a, b; // with a row or column added to vectors
  int64_t m, k, n;
  int64_t dims[BD_DIMS_MAX]; // of the stack and the result's matrices
  int rank;
  bool a_vector, b_vector;
} product;

static void widen_vector(bd_tensor *tensor, bool in_front) {
  tensor->dims[in_front ? 1 : 0] = tensor->dims[0];
  tensor->dims[in_front ? 0 : 1] = 1;
  tensor->rank = 2;
}

static bd_status plan_product(const bd_call *call, product *p) {
  char first[128], second[128];
  p->a = *bd_in(call, 0);
  p->b = *bd_in(call, 1);
  p->a_vector = p->a.rank == 1;
  p->b_vector = p->b.rank == 1;
  if (p->a.rank == 0 || p->b.rank == 0) return bd_bad(call, "multiplies by a scalar");
  if (p->a_vector) widen_vector(&p->a, true);
  if (p->b_vector) widen_vector(&p->b, false);
  p->m = p->a.dims[p->a.rank - 2];
  p->k = p->a.dims[p->a.rank - 1];
  p->n = p->b.dims[p->b.rank - 1];
  if (p->k != p->b.dims[p->b.rank - 2])
    return bd_bad(call, "cannot multiply %s by %s",
                  bd_tensor_text(bd_in(call, 0), first, sizeof first),
                  bd_tensor_text(bd_in(call, 1), second, sizeof second));
  bd_tensor x = p->a, y = p->b, *both[] = {&x, &y};
  x.rank -= 2;
  y.rank -= 2;
  bd_call seen = *call;
  seen.in = both;
  seen.in_count = 2;
  BD_TRY(bd_broadcast_shape(&seen, 0, 2, p->dims, &p->rank));
  return BD_OK;
}

static bd_status infer_matmul(bd_call *call) {
  const bd_tensor *a = bd_in(call, 0), *b = bd_in(call, 1);
  product p;
  if (a->type != b->type)
    return bd_bad(call, "its inputs are %s and %s: they must agree", bd_type_name(a->type),
                  bd_type_name(b->type));
  if (a->type == BD_TYPE_BOOL) return bd_bad_type(call, a->type);
  BD_TRY(plan_product(call, &p));
  if (p.rank + 2 > BD_DIMS_MAX) return bd_bad(call, "its output has too many dimensions");
  int rank = p.rank;
  if (!p.a_vector) p.dims[rank++] = p.m;
  if (!p.b_vector) p.dims[rank++] = p.n;
  return bd_out(call, 0, a->type, rank, p.dims);
}

typedef void (*multiply)(const void *a, const void *b, void *c, const product *p);

static void multiply_floats(const void *a, const void *b, void *c, const product *p) {
  bd_sgemm(false, false, p->m, p->n, p->k, 1, a, p->k, b, p->n, 0, c, p->n);
}

#define MULTIPLY(T)                                                                                \
  static void multiply_##T(const void *a, const void *b, void *c, const product *p) {              \
    const T *x = a, *y = b;                                                                        \
    T *z = c;                                                                                      \
    memset(z, 0, (size_t)(p->m * p->n) * sizeof *z);                                               \
    for (int64_t i = 0; i < p->m; i++)                                                             \
      for (int64_t k = 0; k < p->k; k++)                                                           \
        for (int64_t j = 0; j < p->n; j++)                                                         \
          z[i * p->n + j] += x[i * p->k + k] * y[k * p->n + j];                                    \
  }
MULTIPLY(double)
MULTIPLY(uint64_t)

typedef struct stack_work {
  const product *p;
  multiply function;
  const char *a, *b;
  char *c;
  size_t size;
} stack_work;

static void visit_stack(void *arg, const bd_walk *walk, const int64_t *at, int64_t done) {
  const stack_work *w = arg;
  const product *p = w->p;
  int last = walk->rank - 1;
  for (int64_t i = 0; i < walk->dims[last]; i++)
    w->function(w->a + (size_t)((at[0] + i * walk->strides[0][last]) * p->m * p->k) * w->size,
                w->b + (size_t)((at[1] + i * walk->strides[1][last]) * p->k * p->n) * w->size,
                w->c + (size_t)((done + i) * p->m * p->n) * w->size, p);
}

static const void *widened(const bd_call *call, const bd_tensor *tensor) {
  if (bd_type_is_wide(tensor->type)) return tensor->data;
  void *wide = bd_take(call, tensor->count + 1, 8);
  if (wide) bd_widen(tensor->type, tensor->data, tensor->count, wide);
  return wide;
}

// Adds the call's shift to products of floats or doubles; inner: how many stand together for each
// channel.
static void add_shift(const bd_call *call, int64_t inner, bd_wide wide, void *products) {
  const bd_shift *shift = call->shift;
  for (int64_t i = 0; shift && i < call->out[0]->count; i++) {
    double value = shift->values[i / inner % shift->count];
    if (wide == BD_WIDE_DOUBLE)
      ((double *)products)[i] += value;
    else
      ((float *)products)[i] += (float)value;
  }
}

static bd_status run_matmul(bd_call *call) {
  bd_tensor *out = call->out[0];
  product p;
  if (!out || !out->count) return BD_OK;
  BD_TRY(plan_product(call, &p));
  bool direct = bd_type_is_wide(out->type);
  bd_wide wide = bd_type_wide(out->type);
  stack_work work = {.p = &p, .a = widened(call, &p.a), .b = widened(call, &p.b)};
  work.c = direct ? out->data : bd_take(call, out->count + 1, 8);
  work.size = wide == BD_WIDE_FLOAT ? 4 : 8;
  work.function = wide == BD_WIDE_FLOAT    ? multiply_floats
                  : wide == BD_WIDE_DOUBLE ? multiply_double
                                           : multiply_uint64_t;
  if (!work.a || !work.b || !work.c) return bd_no_memory(call);
  if (p.k == 0) memset(work.c, 0, (size_t)out->count * work.size);
  // One matrix for all of the stack: its rows are one tall matrix.
  if (p.b.count == p.k * p.n && p.a.count / (p.m * (p.k ? p.k : 1)) > 1 && p.k) {
    p.m = p.a.count / p.k;
    p.rank = 0;
  }
  bd_tensor x = p.a, y = p.b;
  x.rank = p.rank ? x.rank - 2 : 0;
  y.rank = p.rank ? y.rank - 2 : 0;
  bd_walk walk;
  bd_walk_start(&walk, (const bd_tensor *[]){&x, &y}, 2, p.dims, p.rank);
  if (p.k) bd_walk_rows(&walk, visit_stack, &work);
  add_shift(call, call->shift && call->shift->weight == 0 ? p.n : 1, wide, work.c);
  if (!direct) bd_narrow(out->type, work.c, out->count, out->data);
  return BD_OK;
}

// --- Gemm ----------------------------------------------------------------------------------------

typedef struct gemm {
  bool ta, tb;
  int64_t m, n, k;
} gemm;

static bd_status plan_gemm(const bd_call *call, gemm *g) {
  const bd_tensor *a = bd_in(call, 0), *b = bd_in(call, 1);
  char first[128], second[128];
  g->ta = bd_attr_int(call, "transA", 0) != 0;
  g->tb = bd_attr_int(call, "transB", 0) != 0;
  bool flat = a->rank == 2 && b->rank == 2;
  if (flat) {
    g->m = a->dims[g->ta];
    g->k = a->dims[!g->ta];
    g->n = b->dims[!g->tb];
  }
  if (!flat || g->k != b->dims[g->tb])
    return bd_bad(call, "cannot multiply %s by %s", bd_tensor_text(a, first, sizeof first),
                  bd_tensor_text(b, second, sizeof second));
  return BD_OK;
}

static bd_status infer_gemm(bd_call *call) {
  const bd_tensor *a = bd_in(call, 0), *b = bd_in(call, 1), *c = bd_in(call, 2);
  gemm g;
  if (!bd_type_is_real(a->type)) return bd_bad_type(call, a->type);
  if (a->type != b->type || (c && c->type != a->type))
    return bd_bad(call, "its inputs are of different types");
  BD_TRY(plan_gemm(call, &g));
  int64_t dims[] = {g.m, g.n};
  bool fits = !c || c->rank <= 2;
  for (int i = 0; fits && c && i < c->rank; i++) {
    int64_t dim = c->dims[i];
    fits = dim == 1 || dim == dims[i + 2 - c->rank];
  }
  if (!fits) return bd_bad(call, "its third input does not go with its output");
  return bd_out(call, 0, a->type, 2, dims);
}

static void spread(const bd_tensor *c, bd_tensor *out) {
  int64_t rows = out->dims[0], columns = out->dims[1];
  int64_t per_row = c->rank == 2 && c->dims[0] != 1 ? c->dims[1] : 0;
  int64_t per_column = c->rank >= 1 && c->dims[c->rank - 1] != 1 ? 1 : 0;
  const float *from = c->data;
  float *to = out->data;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      to[i * columns + j] = from[i * per_row + j * per_column];
}

static bd_status run_gemm(bd_call *call) {
  const bd_tensor *a = bd_in(call, 0), *b = bd_in(call, 1), *c = bd_in(call, 2);
  bd_tensor *out = call->out[0];
  gemm g;
  if (!out || !out->count) return BD_OK;
  BD_TRY(plan_gemm(call, &g));
  float beta = c ? bd_attr_float(call, "beta", 1) : 0;
  if (c)
    spread(c, out);
  else
    memset(out->data, 0, bd_tensor_bytes(out));
  if (g.k)
    bd_sgemm(g.ta, g.tb, g.m, g.n, g.k, bd_attr_float(call, "alpha", 1), a->data, a->dims[1],
             b->data, b->dims[1], beta, out->data, g.n);
  add_shift(call, 1, BD_WIDE_FLOAT, out->data);
  return BD_OK;
}

// --- Einsum --------------------------------------------------------------------------------------

enum { LETTERS = 52 + BD_DIMS_MAX, TERMS_MAX = BD_TOGETHER_MAX };

// Each input's and the output's axes as letters; those of an ellipsis are numbered behind z.
typedef struct einsum {
  int axes[TERMS_MAX + 1][BD_DIMS_MAX], ranks[TERMS_MAX + 1], terms;
  int64_t sizes[LETTERS]; // 0: not used
  bool seen[LETTERS];
} einsum;

static int letter(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  return c >= 'A' && c <= 'Z' ? 26 + c - 'A' : -1;
}

// One term of the equation; dots: how many axes its ellipsis stands for.
static bd_status read_term(const bd_call *call, einsum *e, const char *text, size_t length,
                           int which, int dots) {
  int rank = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == ' ') continue;
    if (text[i] == '.') {
      for (int k = 0; k < dots && rank < BD_DIMS_MAX; k++)
        e->axes[which][rank++] = 52 + BD_DIMS_MAX - dots + k;
      i += 2;
      continue;
    }
    int l = letter(text[i]);
    if (l < 0 || rank == BD_DIMS_MAX) return bd_bad(call, "its equation cannot be read");
    e->axes[which][rank++] = l;
  }
  e->ranks[which] = rank;
  return BD_OK;
}

static int letters_in(const char *text, size_t length, bool *dotted) {
  int count = 0;
  *dotted = false;
  for (size_t i = 0; i < length; i++) {
    count += letter(text[i]) >= 0;
    *dotted |= text[i] == '.';
  }
  return count;
}

static bd_status take_sizes(const bd_call *call, einsum *e, int which) {
  const bd_tensor *in = bd_in(call, which);
  if (e->ranks[which] != in->rank)
    return bd_bad(call, "names %d axes of input %d, which has %d", e->ranks[which], which,
                  in->rank);
  for (int i = 0; i < in->rank; i++) {
    int l = e->axes[which][i];
    if (e->seen[l] && e->sizes[l] != in->dims[i] && e->sizes[l] != 1 && in->dims[i] != 1)
      return bd_bad(call, "gives one letter the sizes %lld and %lld", (long long)e->sizes[l],
                    (long long)in->dims[i]);
    if (!e->seen[l] || e->sizes[l] == 1) e->sizes[l] = in->dims[i];
    e->seen[l] = true;
  }
  return BD_OK;
}

// Without "->" the output has the ellipsis' axes, then the letters that stand once, in order.
static void implied_output(einsum *e, int dots) {
  int count[LETTERS] = {0}, rank = 0;
  for (int t = 0; t < e->terms; t++)
    for (int i = 0; i < e->ranks[t]; i++)
      count[e->axes[t][i]]++;
  for (int k = 0; k < dots; k++)
    e->axes[TERMS_MAX][rank++] = 52 + BD_DIMS_MAX - dots + k;
  for (int i = 0; i < 52; i++) {
    int l = (i + 26) % 52; // capitals first
    if (count[l] == 1 && rank < BD_DIMS_MAX) e->axes[TERMS_MAX][rank++] = l;
  }
  e->ranks[TERMS_MAX] = rank;
}

static bd_status read_equation(const bd_call *call, einsum *e) {
  const Onnx__AttributeProto *said = bd_attr(call, "equation");
  memset(e, 0, sizeof *e);
  if (!said || !said->s.len) return bd_bad(call, "has no equation");
  if (call->in_count > TERMS_MAX) return bd_bad(call, "has more than %d inputs", TERMS_MAX);
  const char *text = (const char *)said->s.data, *end = text + said->s.len, *arrow = text;
  while (arrow + 1 < end && (arrow[0] != '-' || arrow[1] != '>'))
    arrow++;
  bool explicit_output = arrow + 1 < end;
  const char *stop = explicit_output ? arrow : end;
  int dots = 0;
  for (const char *from = text; from <= stop && e->terms < call->in_count; e->terms++) {
    const char *to = memchr(from, ',', (size_t)(stop - from));
    if (!to) to = stop;
    bool dotted;
    int own = bd_in(call, e->terms)->rank - letters_in(from, (size_t)(to - from), &dotted);
    if (!dotted) own = 0;
    if (own < 0) return bd_bad(call, "names too many axes of input %d", e->terms);
    if (own > dots) dots = own;
    BD_TRY(read_term(call, e, from, (size_t)(to - from), e->terms, own));
    BD_TRY(take_sizes(call, e, e->terms));
    from = to + 1;
    if (to == stop && e->terms + 1 < call->in_count) return bd_bad(call, "has too few terms");
  }
  if (!explicit_output) return implied_output(e, dots), BD_OK;
  BD_TRY(read_term(call, e, arrow + 2, (size_t)(end - arrow - 2), TERMS_MAX, dots));
  for (int i = 0; i < e->ranks[TERMS_MAX]; i++)
    if (!e->seen[e->axes[TERMS_MAX][i]]) return bd_bad(call, "its output names an unknown letter");
  return BD_OK;
}

static bd_status infer_einsum(bd_call *call) {
  einsum e;
  int64_t dims[BD_DIMS_MAX];
  bd_type type = bd_in(call, 0)->type;
  for (int i = 0; i < call->in_count; i++)
    if (!bd_in(call, i) || bd_in(call, i)->type != type)
      return bd_bad(call, "its inputs are of different types");
  if (!bd_type_is_real(type)) return bd_bad_type(call, type);
  BD_TRY(read_equation(call, &e));
  for (int i = 0; i < e.ranks[TERMS_MAX]; i++)
    dims[i] = e.sizes[e.axes[TERMS_MAX][i]];
  return bd_out(call, 0, type, e.ranks[TERMS_MAX], dims);
}

typedef struct sum_axes {
  int count;
  int letters[LETTERS];
  int64_t sizes[LETTERS], strides[TERMS_MAX][LETTERS];
} sum_axes;

// The letters over which is summed, or (outputs) those of the output, with each input's strides.
static void list_axes(const bd_call *call, const einsum *e, bool outputs, sum_axes *s) {
  bool in_output[LETTERS] = {false};
  s->count = 0;
  for (int i = 0; i < e->ranks[TERMS_MAX]; i++) {
    in_output[e->axes[TERMS_MAX][i]] = true;
    if (outputs) s->letters[s->count++] = e->axes[TERMS_MAX][i];
  }
  for (int l = 0; !outputs && l < LETTERS; l++)
    if (e->seen[l] && !in_output[l]) s->letters[s->count++] = l;
  for (int k = 0; k < s->count; k++) {
    s->sizes[k] = e->sizes[s->letters[k]];
    for (int t = 0; t < e->terms; t++) {
      const bd_tensor *in = bd_in(call, t);
      int64_t own[BD_DIMS_MAX];
      bd_strides(in, own);
      s->strides[t][k] = 0; // a letter that stands twice walks along the diagonal
      for (int i = 0; i < in->rank; i++)
        if (e->axes[t][i] == s->letters[k] && in->dims[i] != 1) s->strides[t][k] += own[i];
    }
  }
}

// Steps index and at to the next element; false after the last.
static bool step(const sum_axes *s, int terms, int64_t *index, int64_t *at) {
  for (int k = s->count - 1; k >= 0; k--) {
    for (int t = 0; t < terms; t++)
      at[t] += s->strides[t][k];
    if (++index[k] < s->sizes[k]) return true;
    for (int t = 0; t < terms; t++)
      at[t] -= s->strides[t][k] * s->sizes[k];
    index[k] = 0;
  }
  return false;
}

static double sum_products(const bd_call *call, const sum_axes *s, int terms,
                           const int64_t *start) {
  int64_t index[LETTERS] = {0}, at[TERMS_MAX];
  double sum = 0;
  memcpy(at, start, sizeof at);
  do {
    double term = 1;
    for (int t = 0; t < terms; t++)
      term *= (double)((const float *)bd_in(call, t)->data)[at[t]];
    sum += term;
  } while (step(s, terms, index, at));
  return sum;
}

static bd_status run_einsum(bd_call *call) {
  bd_tensor *out = call->out[0];
  einsum e;
  sum_axes over, outer;
  if (!out || !out->count) return BD_OK;
  BD_TRY(read_equation(call, &e));
  list_axes(call, &e, false, &over);
  list_axes(call, &e, true, &outer);
  int64_t index[LETTERS] = {0}, at[TERMS_MAX] = {0};
  bool empty = false;
  for (int k = 0; k < over.count; k++)
    empty |= over.sizes[k] == 0;
  float *to = out->data;
  do {
    *to++ = empty ? 0 : (float)sum_products(call, &over, e.terms, at);
  } while (step(&outer, e.terms, index, at));
  return BD_OK;
}

const bd_op bd_ops_matmul[] = {
    {"MatMul", 1, 0, 2, 2, infer_matmul, run_matmul, BD_LAYOUT_PLAIN, 0, NULL},
    {"Gemm", 1, 0, 2, 3, infer_gemm, run_gemm, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {"Einsum", 12, 0, 1, -1, infer_einsum, run_einsum, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {0},
};
