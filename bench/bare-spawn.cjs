'use strict';
// The floor under any server that starts commands with child_process: a Node program that does nothing else. Prints one
// JSON line. CommonJS and without types, since an empty program is the smallest one to fork.
const { spawn } = require('node:child_process');

const [rounds, program, ...args] = process.argv.slice(2);

async function main() {
  const durations = [];
  for (let round = 0; round < Number(rounds); round += 1) {
    const start = performance.now();
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.resume();
    child.stderr.resume();
    await new Promise((resolve) => child.once('exit', resolve));
    durations.push((performance.now() - start) * 1000);
  }
  durations.sort((a, b) => a - b);
  console.log(JSON.stringify({ p50_us: durations[Math.floor(durations.length / 2)] }));
}

void main();
