#include "core/engine/dnnl.h"

#include "core/base/widest.h"
#include "core/engine/activation.h"
#include "core/engine/blocks.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// --- what differs between oneDNN 2 and 3 ---------------------------------------------------------

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t md_view;
typedef dnnl_memory_desc_t md_owned;
#define VIEW(md) (md)
#define VERSIONED(X)                                                                               \
  X(dnnl_memory_desc_create_with_tag)                                                              \
  X(dnnl_memory_desc_destroy)                                                                      \
  X(dnnl_convolution_forward_primitive_desc_create)                                                \
  X(dnnl_deconvolution_forward_primitive_desc_create)                                              \
  X(dnnl_memory_desc_query)                                                                        \
  X(dnnl_eltwise_forward_primitive_desc_create)
#elif DNNL_VERSION_MAJOR == 2
typedef const dnnl_memory_desc_t *md_view;
typedef dnnl_memory_desc_t md_owned;
#define VIEW(md) (&(md))
#define VERSIONED(X)                                                                               \
  X(dnnl_memory_desc_init_by_tag)                                                                  \
  X(dnnl_dilated_convolution_forward_desc_init)                                                    \
  X(dnnl_dilated_deconvolution_forward_desc_init)                                                  \
  X(dnnl_eltwise_forward_desc_init)                                                                \
  X(dnnl_reorder_primitive_desc_create)                                                            \
  X(dnnl_primitive_desc_create)
#else
#error "oneDNN 2 or 3 is needed"
#endif

// What is used of the library.
#define FUNCTIONS(X)                                                                               \
  X(dnnl_engine_create)                                                                            \
  X(dnnl_engine_destroy)                                                                           \
  X(dnnl_stream_create)                                                                            \
  X(dnnl_stream_destroy)                                                                           \
  X(dnnl_memory_create)                                                                            \
  X(dnnl_memory_destroy)                                                                           \
  X(dnnl_memory_desc_get_size)                                                                     \
  X(dnnl_primitive_attr_create)                                                                    \
  X(dnnl_primitive_attr_destroy)                                                                   \
  X(dnnl_primitive_attr_set_scratchpad_mode)                                                       \
  X(dnnl_primitive_attr_set_post_ops)                                                              \
  X(dnnl_post_ops_create)                                                                          \
  X(dnnl_post_ops_destroy)                                                                         \
  X(dnnl_post_ops_append_sum)                                                                      \
  X(dnnl_post_ops_append_eltwise)                                                                  \
  X(dnnl_primitive_desc_query)                                                                     \
  X(dnnl_primitive_desc_query_md)                                                                  \
  X(dnnl_primitive_desc_destroy)                                                                   \
  X(dnnl_primitive_create)                                                                         \
  X(dnnl_primitive_destroy)                                                                        \
  X(dnnl_primitive_execute)                                                                        \
  X(dnnl_primitive_get_primitive_desc)                                                             \
  X(dnnl_sgemm)                                                                                    \
  VERSIONED(X)

// The loaded library: written once, by load.
static struct library {
  dnnl_engine_t engine;
  void (*set_threads)(int);
  char trouble[256];
#define FIELD(name) __typeof__(name) *name;
  FUNCTIONS(FIELD)
#undef FIELD
} lib;

#define NUMBER_(x) #x
#define NUMBER(x)  NUMBER_(x)
#define LIBRARY    "libdnnl.so." NUMBER(DNNL_VERSION_MAJOR)
#define WITH_MINOR LIBRARY "." NUMBER(DNNL_VERSION_MINOR) // Debian's oneDNN 3 has no shorter name

static void load(void) {
  void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!handle) handle = dlopen(WITH_MINOR, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *why = dlerror();
    strncpy(lib.trouble, why ? why : LIBRARY, sizeof lib.trouble - 1);
    return;
  }
#define FIND(name) *(void **)&lib.name = dlsym(handle, #name);
  FUNCTIONS(FIND)
#undef FIND
  *(void **)&lib.set_threads = dlsym(handle, "omp_set_num_threads");
#define CHECK(name)                                                                                \
  if (!lib.name) strcpy(lib.trouble, LIBRARY " lacks " #name);
  FUNCTIONS(CHECK)
#undef CHECK
  if (lib.set_threads) lib.set_threads(1);
  if (!*lib.trouble && lib.dnnl_engine_create(&lib.engine, dnnl_cpu, 0) != dnnl_success)
    strcpy(lib.trouble, LIBRARY " finds no processor");
}

bd_status bd_dnnl_start(bd_error *err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  if (*lib.trouble)
    return bd_fail(err, BD_FAILED, "networks cannot be run: %s: install libdnnl", lib.trouble);
  if (lib.set_threads) lib.set_threads(1);
  return BD_OK;
}

// --- memory descriptions -------------------------------------------------------------------------

static bool md_make(md_owned *md, int rank, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
#if DNNL_VERSION_MAJOR >= 3
  return lib.dnnl_memory_desc_create_with_tag(md, rank, dims, dnnl_f32, tag) == dnnl_success;
#else
  return lib.dnnl_memory_desc_init_by_tag(md, rank, dims, dnnl_f32, tag) == dnnl_success;
#endif
}

static void md_drop(md_owned *md) {
#if DNNL_VERSION_MAJOR >= 3
  if (*md) lib.dnnl_memory_desc_destroy(*md);
#else
  (void)md;
#endif
}

static dnnl_format_tag_t tag_of(int spatial, bool last) {
  if (last) return spatial == 2 ? dnnl_nhwc : dnnl_ndhwc;
  return spatial == 2 ? dnnl_nchw : dnnl_ncdhw;
}

static bool activations_md(md_owned *md, const bd_conv_shape *shape, bool out) {
  dnnl_dims_t dims = {shape->batch, out ? shape->out_channels : shape->in_channels};
  memcpy(dims + 2, out ? shape->out : shape->in, (size_t)shape->spatial * sizeof *dims);
  bool last = out ? shape->out_last : shape->in_last;
  return md_make(md, shape->spatial + 2, dims, tag_of(shape->spatial, last));
}

// The weights as ONNX stores them, or (any) as the convolution likes them best.
static bool weights_md(md_owned *md, const bd_conv_shape *shape, bool any) {
  bool grouped = shape->groups > 1, flat = shape->spatial == 2;
  dnnl_dims_t dims = {shape->groups};
  int at = grouped ? 1 : 0;
  dims[at++] = shape->out_channels / shape->groups;
  dims[at++] = shape->in_channels / shape->groups;
  for (int i = 0; i < shape->spatial; i++)
    dims[at++] = shape->kernel[i];
  dnnl_format_tag_t tag = dnnl_format_tag_any;
  if (!any && shape->transposed)
    tag = grouped ? (flat ? dnnl_giohw : dnnl_giodhw) : (flat ? dnnl_iohw : dnnl_iodhw);
  else if (!any)
    tag = grouped ? (flat ? dnnl_goihw : dnnl_goidhw) : (flat ? dnnl_oihw : dnnl_oidhw);
  return md_make(md, at, dims, tag);
}

// --- running a primitive -------------------------------------------------------------------------

enum { ARGUMENTS_MAX = 5 };

// Runs a primitive on memory described by mds; an argument without data is left out.
static bool execute(const_dnnl_primitive_t primitive, int count, const int *kinds,
                    const md_view *mds, void *const *data) {
  dnnl_exec_arg_t arguments[ARGUMENTS_MAX];
  dnnl_stream_t stream = NULL;
  int made = 0;
  bool fine =
      lib.dnnl_stream_create(&stream, lib.engine, dnnl_stream_default_flags) == dnnl_success;
  for (int i = 0; i < count && fine; i++) {
    if (!data[i]) continue;
    arguments[made].arg = kinds[i];
    fine = lib.dnnl_memory_create(&arguments[made].memory, mds[i], lib.engine, data[i]) ==
           dnnl_success;
    made += fine;
  }
  fine = fine && lib.dnnl_primitive_execute(primitive, stream, made, arguments) == dnnl_success;
  for (int i = 0; i < made; i++)
    lib.dnnl_memory_destroy(arguments[i].memory);
  if (stream) lib.dnnl_stream_destroy(stream);
  return fine;
}

static dnnl_alg_kind_t algorithm(bd_eltwise function) {
  switch (function) {
  case BD_ELTWISE_CLIP:
    return dnnl_eltwise_clip;
  case BD_ELTWISE_SWISH:
    return dnnl_eltwise_swish;
  case BD_ELTWISE_SIGMOID:
    return dnnl_eltwise_logistic;
  case BD_ELTWISE_TANH:
    return dnnl_eltwise_tanh;
  case BD_ELTWISE_EXP:
    return dnnl_eltwise_exp;
  case BD_ELTWISE_ERF_GELU:
    return dnnl_eltwise_gelu_erf;
  default:
    return dnnl_eltwise_relu;
  }
}

// --- convolution ---------------------------------------------------------------------------------

struct bd_dnnl_conv {
  dnnl_primitive_t primitive;
  bd_conv_shape shape;
  md_view in, weights, bias, out, scratch; // the primitive's own
};

// Its plain Relu and its clip make a number of NaN: they are computed here.
static bool is_ours(const bd_conv_shape *s) {
  return s->eltwise == BD_ELTWISE_CLIP || (s->eltwise == BD_ELTWISE_RELU && s->alpha == 0);
}

static bool append_post_ops(dnnl_post_ops_t ops, const bd_conv_shape *shape) {
#if DNNL_VERSION_MAJOR >= 3
  if (shape->sum && lib.dnnl_post_ops_append_sum(ops, 1, 0, dnnl_f32) != dnnl_success) return false;
  return shape->eltwise == BD_ELTWISE_NONE || is_ours(shape) ||
         lib.dnnl_post_ops_append_eltwise(ops, algorithm(shape->eltwise), shape->alpha,
                                          shape->beta) == dnnl_success;
#else
  if (shape->sum && lib.dnnl_post_ops_append_sum(ops, 1) != dnnl_success) return false;
  return shape->eltwise == BD_ELTWISE_NONE || is_ours(shape) ||
         lib.dnnl_post_ops_append_eltwise(ops, 1, algorithm(shape->eltwise), shape->alpha,
                                          shape->beta) == dnnl_success;
#endif
}

static dnnl_primitive_attr_t conv_attributes(const bd_conv_shape *shape) {
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_post_ops_t ops = NULL;
  if (lib.dnnl_primitive_attr_create(&attributes) != dnnl_success) return NULL;
  bool fine = lib.dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user) ==
                  dnnl_success &&
              lib.dnnl_post_ops_create(&ops) == dnnl_success && append_post_ops(ops, shape) &&
              lib.dnnl_primitive_attr_set_post_ops(attributes, ops) == dnnl_success;
  if (ops) lib.dnnl_post_ops_destroy(ops);
  if (fine) return attributes;
  lib.dnnl_primitive_attr_destroy(attributes);
  return NULL;
}

typedef struct conv_mds {
  md_owned in, weights, bias, out;
} conv_mds;

// oneDNN reads whole dnnl_dims_t.
typedef struct geometry {
  dnnl_dims_t stride, dilation, low, high;
} geometry;

static geometry geometry_of(const bd_conv_shape *shape) {
  geometry g;
  memset(&g, 0, sizeof g);
  for (int i = 0; i < shape->spatial; i++) {
    g.stride[i] = shape->stride[i];
    g.dilation[i] = shape->dilation[i] - 1;
    g.low[i] = shape->low[i];
    g.high[i] = shape->high[i];
  }
  return g;
}

static const char *name_of(const_dnnl_primitive_desc_t desc) {
  const char *name = NULL;
  lib.dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
  return name ? name : "";
}

static dnnl_primitive_desc_t conv_desc(const bd_conv_shape *shape, conv_mds *mds,
                                       dnnl_primitive_attr_t attributes) {
  geometry g = geometry_of(shape);
  md_view bias = shape->bias ? VIEW(mds->bias) : NULL;
  dnnl_primitive_desc_t desc = NULL;
#if DNNL_VERSION_MAJOR >= 3
  dnnl_status_t status =
      shape->transposed ? lib.dnnl_deconvolution_forward_primitive_desc_create(
                              &desc, lib.engine, dnnl_forward_inference, dnnl_deconvolution_direct,
                              VIEW(mds->in), VIEW(mds->weights), bias, VIEW(mds->out), g.stride,
                              g.dilation, g.low, g.high, attributes)
                        : lib.dnnl_convolution_forward_primitive_desc_create(
                              &desc, lib.engine, dnnl_forward_inference, dnnl_convolution_direct,
                              VIEW(mds->in), VIEW(mds->weights), bias, VIEW(mds->out), g.stride,
                              g.dilation, g.low, g.high, attributes);
#else
  dnnl_convolution_desc_t said;
  dnnl_status_t status =
      shape->transposed
          ? lib.dnnl_dilated_deconvolution_forward_desc_init(
                &said, dnnl_forward_inference, dnnl_deconvolution_direct, VIEW(mds->in),
                VIEW(mds->weights), bias, VIEW(mds->out), g.stride, g.dilation, g.low, g.high)
          : lib.dnnl_dilated_convolution_forward_desc_init(
                &said, dnnl_forward_inference, dnnl_convolution_direct, VIEW(mds->in),
                VIEW(mds->weights), bias, VIEW(mds->out), g.stride, g.dilation, g.low, g.high);
  if (status == dnnl_success)
    status = lib.dnnl_primitive_desc_create(&desc, &said, attributes, lib.engine, NULL);
#endif
  return status == dnnl_success ? desc : NULL;
}

static bool make_mds(const bd_conv_shape *shape, conv_mds *mds) {
  dnnl_dims_t channels = {shape->out_channels};
  return activations_md(&mds->in, shape, false) && weights_md(&mds->weights, shape, true) &&
         activations_md(&mds->out, shape, true) && md_make(&mds->bias, 1, channels, dnnl_x);
}

// The reference implementation and the one by matrix products call themselves so.
static bool is_fast(const_dnnl_primitive_desc_t desc) {
  const char *name = name_of(desc);
  return *name && !strstr(name, "ref") && !strstr(name, "gemm");
}

static void look_at(bd_dnnl_conv *conv) {
  const_dnnl_primitive_desc_t desc;
  lib.dnnl_primitive_get_primitive_desc(conv->primitive, &desc);
  conv->in = lib.dnnl_primitive_desc_query_md(desc, dnnl_query_src_md, 0);
  conv->weights = lib.dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
  conv->bias = lib.dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 1);
  conv->out = lib.dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0);
  conv->scratch = lib.dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
}

static bd_dnnl_conv *conv_of(dnnl_primitive_desc_t desc, const bd_conv_shape *shape) {
  bd_dnnl_conv *conv = calloc(1, sizeof *conv);
  if (!conv) return NULL;
  conv->shape = *shape;
  if (lib.dnnl_primitive_create(&conv->primitive, desc) != dnnl_success) {
    free(conv);
    return NULL;
  }
  look_at(conv);
  return conv;
}

bd_dnnl_conv *bd_dnnl_conv_new(const bd_conv_shape *shape, bool *fast) {
  conv_mds mds;
  memset(&mds, 0, sizeof mds);
  bd_dnnl_conv *conv = NULL;
  dnnl_primitive_attr_t attributes = conv_attributes(shape);
  dnnl_primitive_desc_t desc =
      attributes && make_mds(shape, &mds) ? conv_desc(shape, &mds, attributes) : NULL;
  if (desc) {
    *fast = is_fast(desc);
    conv = conv_of(desc, shape);
    lib.dnnl_primitive_desc_destroy(desc);
  }
  if (attributes) lib.dnnl_primitive_attr_destroy(attributes);
  md_drop(&mds.in);
  md_drop(&mds.weights);
  md_drop(&mds.bias);
  md_drop(&mds.out);
  return conv;
}

void bd_dnnl_conv_free(bd_dnnl_conv *conv) {
  if (!conv) return;
  lib.dnnl_primitive_destroy(conv->primitive);
  free(conv);
}

size_t bd_dnnl_conv_packed(const bd_dnnl_conv *conv) {
  return lib.dnnl_memory_desc_get_size(conv->weights);
}

size_t bd_dnnl_conv_scratch(const bd_dnnl_conv *conv) {
  return conv->scratch ? lib.dnnl_memory_desc_get_size(conv->scratch) : 0;
}

#if DNNL_VERSION_MAJOR >= 3
static bool look_at_blocks(md_view md, bd_blocks *out) {
  const dnnl_dims_t *strides, *sizes, *axes;
  if (lib.dnnl_memory_desc_query(md, dnnl_query_strides, &strides) != dnnl_success ||
      lib.dnnl_memory_desc_query(md, dnnl_query_inner_nblks_s32, &out->count) != dnnl_success ||
      lib.dnnl_memory_desc_query(md, dnnl_query_inner_blks, &sizes) != dnnl_success ||
      lib.dnnl_memory_desc_query(md, dnnl_query_inner_idxs, &axes) != dnnl_success)
    return false;
  out->strides = *strides;
  out->sizes = *sizes;
  out->axes = *axes;
  return true;
}

// The reorder of oneDNN 3.7 puts weights wrongly where channels do not fill its blocks (a program
// of ten lines shows it): they are put into their places here.
static bool reorder(md_view from, md_view to, const float *values, float *packed) {
  int rank;
  const dnnl_dims_t *dims;
  bd_blocks source, target;
  if (!look_at_blocks(from, &source) || !look_at_blocks(to, &target) ||
      lib.dnnl_memory_desc_query(from, dnnl_query_ndims_s32, &rank) != dnnl_success ||
      lib.dnnl_memory_desc_query(from, dnnl_query_dims, &dims) != dnnl_success)
    return false;
  memset(packed, 0, lib.dnnl_memory_desc_get_size(to));
  return bd_blocks_copy(rank, *dims, &source, values, &target, packed);
}
#else
static bool reorder(md_view from, md_view to, const float *values, float *packed) {
  dnnl_primitive_desc_t desc;
  dnnl_primitive_t primitive = NULL;
  const md_view mds[] = {from, to};
  if (lib.dnnl_reorder_primitive_desc_create(&desc, from, lib.engine, to, lib.engine, NULL) !=
      dnnl_success)
    return false;
  if (lib.dnnl_primitive_create(&primitive, desc) != dnnl_success) primitive = NULL;
  lib.dnnl_primitive_desc_destroy(desc);
  bool fine = primitive && execute(primitive, 2, (int[]){DNNL_ARG_FROM, DNNL_ARG_TO}, mds,
                                   (void *[]){(void *)(uintptr_t)values, packed});
  if (primitive) lib.dnnl_primitive_destroy(primitive);
  return fine;
}
#endif

bool bd_dnnl_conv_pack(const bd_dnnl_conv *conv, const float *weights, void *packed) {
  md_owned stored;
  if (!weights_md(&stored, &conv->shape, false)) return false;
  bool fine = reorder(VIEW(stored), conv->weights, weights, packed);
  md_drop(&stored);
  return fine;
}

BD_WIDEST static void activate(const bd_conv_shape *s, float *out) {
  int64_t count = s->batch * s->out_channels;
  for (int i = 0; i < s->spatial; i++)
    count *= s->out[i];
  bd_activate(s->eltwise, s->alpha, s->beta, count, out);
}

bool bd_dnnl_conv_run(const bd_dnnl_conv *conv, const float *in, const void *packed,
                      const float *bias, float *out, void *scratch) {
  static const int kinds[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST,
                              DNNL_ARG_SCRATCHPAD};
  const md_view mds[] = {conv->in, conv->weights, conv->bias, conv->out, conv->scratch};
  void *const data[] = {(void *)(uintptr_t)in, (void *)(uintptr_t)packed,
                        conv->shape.bias ? (void *)(uintptr_t)bias : NULL, out, scratch};
  if (!execute(conv->primitive, ARGUMENTS_MAX, kinds, mds, data)) return false;
  if (is_ours(&conv->shape)) activate(&conv->shape, out);
  return true;
}

// --- the rest ------------------------------------------------------------------------------------

void bd_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
              const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
              int64_t ldc) {
  if (m > 0 && n > 0)
    lib.dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb,
                   beta, c, ldc);
}

static dnnl_primitive_t eltwise_primitive(bd_eltwise function, md_view md) {
  dnnl_primitive_desc_t desc;
#if DNNL_VERSION_MAJOR >= 3
  dnnl_status_t status = lib.dnnl_eltwise_forward_primitive_desc_create(
      &desc, lib.engine, dnnl_forward_inference, algorithm(function), md, md, 1, 0, NULL);
#else
  dnnl_eltwise_desc_t said;
  dnnl_status_t status = lib.dnnl_eltwise_forward_desc_init(&said, dnnl_forward_inference,
                                                            algorithm(function), md, 1, 0);
  if (status == dnnl_success)
    status = lib.dnnl_primitive_desc_create(&desc, &said, NULL, lib.engine, NULL);
#endif
  dnnl_primitive_t primitive = NULL;
  if (status != dnnl_success) return NULL;
  if (lib.dnnl_primitive_create(&primitive, desc) != dnnl_success) primitive = NULL;
  lib.dnnl_primitive_desc_destroy(desc);
  return primitive;
}

static bool holds_nan(const float *values, int64_t count) {
  bool found = false;
  for (int64_t i = 0; i < count; i++)
    found |= values[i] != values[i];
  return found;
}

bool bd_dnnl_eltwise(bd_eltwise function, const float *in, float *out, int64_t count) {
  if (function == BD_ELTWISE_EXP && holds_nan(in, count)) return false; // a number to its exp
  md_owned md;
  dnnl_dims_t dims = {count};
  if (!md_make(&md, 1, dims, dnnl_x)) return false;
  const md_view mds[] = {VIEW(md), VIEW(md)};
  dnnl_primitive_t primitive = eltwise_primitive(function, mds[0]);
  bool fine = primitive && execute(primitive, 2, (int[]){DNNL_ARG_SRC, DNNL_ARG_DST}, mds,
                                   (void *[]){(void *)(uintptr_t)in, out});
  if (primitive) lib.dnnl_primitive_destroy(primitive);
  md_drop(&md);
  return fine;
}
