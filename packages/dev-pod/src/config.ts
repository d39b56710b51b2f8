import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OptionError, optionsHelp, readOptions } from '@pod-agent/daemon-kit/options';
import type { Option, OptionValues, Options } from '@pod-agent/daemon-kit/options';
import { z } from 'zod';

export { OptionError };

/** Where the build puts execd, seen from the build of dev-pod. */
const BUILT_EXECD = '../../execd/dist/main.cjs';

const port = z.string().transform((value, context) => {
  const number = Number(value);
  if (/^\d+$/.test(value) && number <= 65535) return number;
  context.addIssue({ code: 'custom', message: 'a port from 0 to 65535 is needed' });
  return z.NEVER;
});

const execdProgram = z.string().transform((value, context) => {
  const path = value === '' ? fileURLToPath(new URL(BUILT_EXECD, import.meta.url)) : value;
  if (existsSync(path)) return path;
  const hint = value === '' ? `; run npm run build (looked for ${path})` : '';
  context.addIssue({ code: 'custom', message: `there is no such file${hint}` });
  return z.NEVER;
});

const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

function option<T>(definition: Option<T>): Option<T> {
  return definition;
}

const OPTIONS = {
  port: option({
    flag: 'port',
    schema: port,
    default: '8080',
    help: 'port of the lifecycle endpoint for SDKs, 0 for any',
  }),
  execdPort: option({
    flag: 'execd-port',
    schema: port,
    default: '44772',
    help: 'port of the execd that runs from the start, 0 for any',
  }),
  execd: option({
    flag: 'execd',
    schema: execdProgram,
    default: '',
    help: "another execd than the repository's build: a JavaScript file",
  }),
  verbose: option({
    flag: 'verbose',
    schema: flag,
    default: 'false',
    boolean: true,
    help: 'logs on stderr instead of in the scratch directory',
  }),
} satisfies Options;

/** Everything that can be set, checked. */
export type Config = OptionValues<typeof OPTIONS>;

/** The configuration. Throws an OptionError with one readable line. */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Config {
  const { values, rest } = readOptions(OPTIONS, argv, env);
  const [stray] = rest;
  if (stray !== undefined) throw new OptionError(`unexpected argument ${JSON.stringify(stray)}`);
  return values;
}

const INTRO = `dev-pod: execd and a small OpenSandbox lifecycle endpoint, for development on your machine.

THIS IS NOT A SANDBOX. Every command runs as you, on your machine, with your files and your
network. Both servers listen on 127.0.0.1 only and ask for no key.

A sandbox that an SDK creates is one more execd in a scratch directory of its own. env, metadata
and timeout of the create request count; image, entrypoint, resources, volumes, platform and
network policy are accepted and ignored. Pausing, resuming and snapshots are not offered.

Usage: npm start -- [options]

  --help`;

/** The text for `--help`. */
export function configHelp(): string {
  return optionsHelp(INTRO, OPTIONS);
}
