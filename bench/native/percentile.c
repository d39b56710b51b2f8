#include "percentile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    if (a < b) return -1;
    return a > b;
}

double percentile(const double *values, size_t count, double fraction)
{
    if (count == 0) return 0;
    double *sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL) {
        perror("percentile");
        exit(1);
    }
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_doubles);

    size_t rank = (size_t)ceil(fraction * (double)count);
    double value = sorted[rank > 0 ? rank - 1 : 0];
    free(sorted);
    return value;
}
