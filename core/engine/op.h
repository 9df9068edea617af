// An operator: one row of the table. For core/engine alone.
#ifndef BD_ENGINE_OP_H
#define BD_ENGINE_OP_H

#include "core/engine/call.h"

// How an operator takes activations whose channels stand last (bd_tensor.last).
typedef enum bd_layout {
  BD_LAYOUT_PLAIN,  // not at all
  BD_LAYOUT_FOLLOW, // element by element: all inputs of one shape in one layout, the output alike
  BD_LAYOUT_CONCAT, // the same where it joins channels
  BD_LAYOUT_POOL,   // the output has the input's
  BD_LAYOUT_ENTRY,  // takes any, leaves none (global pooling)
  BD_LAYOUT_CONV,   // chooses
} bd_layout;

enum {
  BD_OP_VIEW = 1,      // the output is the input's bytes under another shape
  BD_OP_INPLACE = 2,   // the output may overwrite input 0 of the same size
  BD_OP_RANDOM = 4,    // not the same every time: never computed ahead
  BD_OP_CONTROL = 8,   // runs graphs: compile.c and control.c know it
  BD_OP_SHAPE = 16,    // looks at its input's shape alone
  BD_OP_AS_FLOAT = 32, // written for float; other reals are converted to it and back
};

typedef struct bd_op {
  const char *name;
  int since, until;                  // opsets of the default domain; until 0: to the newest known
  int least, most;                   // inputs; most -1: any number
  bd_status (*infer)(bd_call *call); // declares the outputs, checks everything that run relies on
  bd_status (*run)(bd_call *call);   // fills the outputs that are wanted
  bd_layout layout;
  int flags;
  const void *kernel; // the operator's own, for functions that serve several
} bd_op;

// The row for a node's operator at an opset, or NULL.
const bd_op *bd_op_find(const char *domain, const char *name, int64_t opset);
// Rows in all, and one of them; for tests and help.
int bd_op_count(void);
const bd_op *bd_op_at(int index);

enum { BD_OPSET_NEWEST = 23 };

// The operator's run, on float where it is written for that alone.
bd_status bd_op_run(bd_call *call);

// The table's parts; each ends with a NULL name.
extern const bd_op bd_ops_unary[], bd_ops_binary[], bd_ops_shape[], bd_ops_move[], bd_ops_index[],
    bd_ops_reduce[], bd_ops_norm[], bd_ops_conv[], bd_ops_pool[], bd_ops_matmul[], bd_ops_rnn[],
    bd_ops_control[], bd_ops_resize[], bd_ops_make[], bd_ops_pad[], bd_ops_quant[];

#endif
