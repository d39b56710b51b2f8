import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import nodeFlags from '@pod-agent/execd/node-flags.json' with { type: 'json' };
import { ballastVariables } from '../ballast.ts';
import { bundleProgram } from '../bundle.ts';
import type { Launcher } from '../launcher.ts';
import { numberAt, readMeasurement } from '../native-programs.ts';
import type { SpawnBaseline, SpawnRequest } from '../native-programs.ts';
import { NODE } from '../server.ts';

const SHIM_PROGRAM = join(import.meta.dirname, '..', '..', 'packages', 'shim', 'dist', 'shim');

/** How long the event loop of a program stands still when it starts another one, µs. */
interface LoopBlock {
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Starts programs from a Node program with the daemon's launchers and nothing else. */
export interface InProcessLaunches {
  /** How long they take, from the call to the end of process and output. */
  latency(launcher: Launcher, request: SpawnRequest): Promise<SpawnBaseline>;
  /** How long the event loop stands still for each. */
  block(launcher: Launcher, request: SpawnRequest): Promise<LoopBlock>;
}

/** Makes the program that does so. Its requests name absolute paths; both methods reject if a program fails. */
export async function inProcessLaunches(): Promise<InProcessLaunches> {
  const program = await bundleProgram(join(import.meta.dirname, 'launch-program.ts'), 'launch-program');
  const measure = async (mode: string, launcher: Launcher, request: SpawnRequest): Promise<unknown> => {
    const { argv, rounds, environment, ballastMb = 0, signal } = request;
    const options = ['--launcher', launcher, '--shim', SHIM_PROGRAM, '--rounds', String(rounds)];
    const line = [...nodeFlags, program, mode, ...options, '--', ...argv];
    return await readMeasurement(NODE, line, signal, { ...environment, ...ballastVariables(ballastMb) });
  };
  return {
    latency: async (launcher, request) => {
      const line = await measure('latency', launcher, request);
      return {
        p50Us: numberAt(line, 'p50_us'),
        p99Us: numberAt(line, 'p99_us'),
        perSecond: numberAt(line, 'per_second'),
      };
    },
    block: async (launcher, request) => {
      const line = await measure('block', launcher, request);
      return { p50Us: numberAt(line, 'block_p50_us'), p99Us: numberAt(line, 'block_p99_us') };
    },
  };
}

/** Where the environment's PATH has the program; rejects if it is not there. */
export async function findProgram(name: string, environment: NodeJS.ProcessEnv): Promise<string> {
  for (const directory of (environment['PATH'] ?? '').split(':')) {
    const path = join(directory, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      continue; // the next directory may have it
    }
  }
  throw new Error(`${name} is not on PATH`);
}
