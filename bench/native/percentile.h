#ifndef BENCH_PERCENTILE_H
#define BENCH_PERCENTILE_H

#include <stddef.h>

/* Nearest-rank percentile, `fraction` in (0, 1]. Leaves `values` untouched; 0 when there are none. */
double percentile(const double *values, size_t count, double fraction);

#endif
