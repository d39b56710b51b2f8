#ifndef BENCH_NUMERIC_OPTION_H
#define BENCH_NUMERIC_OPTION_H

/* The whole of `text` as a number from `lowest` to `highest`; otherwise says so on stderr and exits 2. */
long parse_integer(const char *option, const char *text, long lowest, long highest);
double parse_seconds(const char *option, const char *text);

#endif
