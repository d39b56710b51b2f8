import { z } from 'zod';
import { anyCase, orZero, unsigned32 } from '../contract/json-fields.ts';
import { signalName } from '../execution/signal-name.ts';

const REQUIRED = 'exactly one of a non-empty command or argv is required';

/** An issue that the original finds after decoding; its message has another prefix (contract §3.1). */
function validationIssue(message: string) {
  return { code: 'custom' as const, message, params: { stage: 'validation' } };
}

/** Soft and hard limit at once (setrlimit(2)). */
const processLimits = anyCase(
  z.strictObject({
    cpuSeconds: z.int().min(1).nullish().describe('SIGKILL follows'),
    addressSpace: z.int().min(1).nullish().describe('bytes'),
    fileSize: z.int().min(0).nullish().describe('bytes; SIGXFSZ follows'),
    openFiles: z.int().min(0).nullish(),
    processes: z.int().min(0).nullish().describe('of its user, who must not be root'),
    nice: z.int().min(-20).max(19).nullish(),
    oomScoreAdj: z.int().min(-1000).max(1000).nullish(),
  }),
)
  .describe('limits of the process and what comes from it; needs the native launcher')
  .meta({ id: 'ProcessLimits' });

type LimitFields = z.output<typeof processLimits>;

const requestFields = z.object({
  command: z.string().nullish().describe('a command line for bash, or sh where there is no bash'),
  argv: z
    .array(z.string())
    .nullish()
    .describe('a program and its arguments, run without a shell; instead of `command`'),
  cwd: orZero(z.string(), '').describe('working directory; `~` and `$VAR` are expanded; it must exist'),
  background: orZero(z.boolean(), false).describe('answer at once, the command goes on'),
  timeout: orZero(z.int(), 0).describe(
    'ms after which everything that the command started is killed; 0 for never',
  ),
  uid: unsigned32.nullish().describe('user to run as'),
  gid: unsigned32.nullish().describe('group to run as; needs uid'),
  envs: z
    .record(z.string(), z.string().nullable())
    .nullish()
    .describe('variables of this command; null reads as an empty value'),
  stdin: orZero(z.boolean(), false).describe(
    'keep stdin open for POST /command/{id}/stdin; else it is empty',
  ),
  groups: z
    .array(z.union([unsigned32, z.string().min(1)]))
    .nullish()
    .describe('all supplementary groups, by number or name; needs the native launcher'),
  limits: processLimits.nullish(),
  detached: z
    .enum(['keep', 'kill'])
    .nullish()
    .describe('what becomes of processes that the command leaves behind; `kill` needs the native launcher'),
});

type RequestFields = z.output<typeof requestFields>;

/** The limits that were asked for, at least one. */
type CommandLimits = { readonly [Name in keyof LimitFields]?: number };

/** What is to be run, in the words of the domain. */
export interface CommandRequest {
  readonly program: { readonly commandLine: string } | { readonly argv: readonly [string, ...string[]] };
  /** As sent; '' for the daemon's own. */
  readonly cwd: string;
  readonly background: boolean;
  /** 0 for none. */
  readonly timeoutMs: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly envs: Readonly<Record<string, string>>;
  readonly stdin: boolean;
  /** Numbers and names, as sent; undefined for those of the user. */
  readonly groups: readonly (number | string)[] | undefined;
  readonly limits: CommandLimits | undefined;
  /** What is left of it at its normal end is killed. */
  readonly killDetached: boolean;
}

/** Body of POST /command (contract §3.1, addendum A2.1). Keys match in any case, but for `command` and `argv`. */
export const runCommandRequest = anyCase(requestFields, ['command', 'argv'])
  .superRefine(checkRequest)
  .transform(toRequest)
  .meta({ id: 'RunCommandRequest' });

function checkRequest(fields: RequestFields, context: z.RefinementCtx): void {
  const { argv, command, gid, uid, timeout } = fields;
  if ((argv === undefined) === (command === undefined))
    context.addIssue({ code: 'custom', message: REQUIRED });
  else if (argv === undefined && !command) context.addIssue({ code: 'custom', message: REQUIRED });
  else if (argv === null) context.addIssue({ code: 'custom', message: REQUIRED });
  else if (argv && !argv[0])
    context.addIssue(validationIssue('argv must start with a non-empty program name'));
  else if (argv?.some((element) => element.includes('\0')))
    context.addIssue(validationIssue('argv must not contain NUL'));
  else if (gid != null && uid == null)
    context.addIssue(validationIssue('uid is required when gid is provided'));
  else if (timeout < 0) context.addIssue(validationIssue('timeout must not be negative'));
}

function toRequest(fields: RequestFields): CommandRequest {
  const envs = Object.entries(fields.envs ?? {}).map(([name, value]) => [name, value ?? '']);
  const [program = '', ...rest] = fields.argv ?? [];
  return {
    program: fields.argv ? { argv: [program, ...rest] } : { commandLine: fields.command ?? '' },
    cwd: fields.cwd,
    background: fields.background,
    timeoutMs: fields.timeout,
    uid: fields.uid ?? undefined,
    gid: fields.gid ?? undefined,
    envs: Object.fromEntries(envs),
    stdin: fields.stdin,
    groups: fields.groups ?? undefined,
    limits: toLimits(fields.limits ?? {}),
    killDetached: fields.detached === 'kill',
  };
}

/** A limit that is null is none. */
function toLimits(fields: LimitFields): CommandLimits | undefined {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

const rfc3339 = z.iso.datetime({ offset: true });

const killedBy = z
  .enum(['timeout', 'interrupt', 'signal', 'shutdown', 'supervisor_lost'])
  .describe('who ended the command when it was not itself; the supervisor is the native launcher');

const endingFields = {
  exit_code: z.int().optional().describe('absent while running; -1 for a signal, 255 when it never started'),
  error: z.string().optional().describe('`exit status N`, `signal: killed` or why it did not start'),
  started_at: rfc3339,
  finished_at: rfc3339.optional(),
  signal: z.string().optional().describe('name of the signal that ended it'),
  timed_out: z.boolean().describe('its timeout ended it'),
  killed_by: killedBy.optional(),
  duration_ms: z.int().optional(),
  user_cpu_ms: z.number().optional().describe('this and what follows: with the native launcher'),
  system_cpu_ms: z.number().optional(),
  peak_rss_bytes: z.int().optional(),
  core_dumped: z.boolean().optional().describe('when a signal ended it'),
  oom_killed: z.boolean().optional().describe('the system killed it for want of memory'),
  oom_inferred: z
    .boolean()
    .optional()
    .describe('oom_killed is a guess from SIGKILL: the memory counters cannot be read'),
  swept: z.int().optional().describe('processes that `detached: "kill"` killed at its end'),
};

const outputBytes = z
  .object({ stdout: z.int(), stderr: z.int() })
  .describe('bytes written so far; a background command writes both to stdout');

/** Answer of GET /command/status/{id} (contract §3.4); what follows `finished_at` is ours. */
export const commandStatus = z
  .object({
    id: z.string(),
    content: z.string().optional().describe('the command line, or argv as JSON'),
    running: z.boolean(),
    ...endingFields,
    output_bytes: outputBytes,
    truncated: z.boolean().describe('the oldest output was dropped to keep the limits'),
  })
  .meta({ id: 'CommandStatus' });

export type CommandStatus = z.infer<typeof commandStatus>;

/** One row of GET /command. */
const commandSummary = z
  .object({
    id: z.string(),
    command: z.string(),
    background: z.boolean(),
    pid: z.int().optional(),
    state: z.enum(['starting', 'running', 'finished']),
    ...endingFields,
  })
  .meta({ id: 'CommandSummary' });

export type CommandSummary = z.infer<typeof commandSummary>;

export const commandList = z.object({ commands: z.array(commandSummary) }).meta({ id: 'CommandList' });

export const listQuery = z.object({
  state: z.enum(['running', 'finished']).optional().describe('only commands in this state'),
  limit: z.coerce.number().int().min(1).max(10_000).default(100).describe('newest first'),
});

export const commandParams = z.object({ id: z.string() });

/** Body of POST /command/{id}/signal. */
export const signalRequest = z
  .object({
    signal: z
      .union([z.string(), z.int()])
      .describe('name with or without SIG, or number')
      .transform((value, context) => {
        const signal = signalName(value);
        if (signal !== undefined) return signal;
        context.addIssue({ code: 'custom', message: `unknown signal ${JSON.stringify(value)}` });
        return z.NEVER;
      }),
    scope: z
      .enum(['leader', 'group', 'tree'])
      .default('group')
      .describe('the process, its group, or everything that came from it'),
  })
  .meta({ id: 'SignalRequest' });
