// What `tune` works on, shared by its files.
#ifndef BD_TUI_COMMANDS_TUNE_H
#define BD_TUI_COMMANDS_TUNE_H

#include "tui/commands/network.h"

typedef enum bd_objective {
  BD_RELATIVE,
  BD_LOCAL,
  BD_KL,
  BD_TOP1,
  BD_OBJECTIVE_COUNT
} bd_objective;
extern const char *const bd_objective_names[BD_OBJECTIVE_COUNT];

// One way to spend the bits: what an objective chose, and what it came to on data.
typedef struct bd_proposal {
  bd_objective objective;
  int *chosen; // points, by layer that has some
  bd_allocation found;
  bd_totals totals;
  bool measured;
  bd_evaluation figures;
} bd_proposal;

enum { BD_PROPOSALS_MAX = 12 };

typedef struct bd_tuning {
  const bd_options *options;
  bd_objective objective; // what was asked for
  bd_budget budget;
  bd_work work;
  bd_setting *settings; // of the dials as they were given; afterwards these are those found
  bd_varied varied;
  bd_points points;
  int count;          // layers that have points
  bd_network network; // where there is data
  bd_sensitivity effects;
  bool swept;
  double *costs; // by point, of one objective at a time
  bd_proposal proposals[BD_PROPOSALS_MAX];
  int proposal_count, best;
} bd_tuning;

// The costs of all points by an objective. BD_INVALID: the sweep has not what it needs.
bd_status bd_tuning_weigh(bd_tuning *t, bd_objective objective, bd_error *err);
// The sweep that the objective needs: from --sensitivity, or made on --data.
bd_status bd_tuning_sweep(bd_tuning *t, bd_error *err);
// Fills the proposals, measures them where there is data, and chooses the best.
bd_status bd_tuning_propose(bd_tuning *t, bd_error *err);
// Prints, as JSON or text, what was chosen.
bd_status bd_tuning_print(const bd_tuning *t, bd_error *err);

#endif
