// Stands in for an execd that does not come up.
process.stderr.write('this is no execd\n');
process.exitCode = 3;
