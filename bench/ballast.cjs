'use strict';
// Makes a Node program larger, like spawn-baseline's --ballast-mb: `node --require ballast.cjs`, with the MiB to hold in
// EXECD_BENCH_BALLAST_MB. Each page is touched, so that a fork has to copy its entry. They are small pages wherever the
// kernel gives huge ones only to who asks (transparent_hugepage `madvise` or `never`): Node cannot refuse them.
const MEBIBYTE = 1024 * 1024;

const ballast = Array.from({ length: Number(process.env.EXECD_BENCH_BALLAST_MB) }, () => {
  const piece = Buffer.allocUnsafeSlow(MEBIBYTE);
  return piece.fill(1);
});
// Whatever the program starts must neither hold ballast nor see these. The property keeps the memory from the collector.
delete process.env.EXECD_BENCH_BALLAST_MB;
delete process.env.NODE_OPTIONS;
Object.defineProperty(globalThis, Symbol('ballast'), { value: ballast });
