// The Pareto line: of many ways to spend bytes, those that no other way beats.
#ifndef BD_STUDY_PARETO_H
#define BD_STUDY_PARETO_H

// Something that a network can become: what it takes, what it loses (any measure; less is better).
typedef struct bd_tradeoff {
  double bytes, loss;
} bd_tradeoff;

// line[]: the points on it, by rising bytes and falling loss; room for `count`. Returns how many.
// A point is on it where no other has at most its bytes and less loss, or less bytes and at most
// its loss; of equal points the first. A NaN is never on it.
int bd_pareto(const bd_tradeoff *points, int count, int *line);

#endif
