import { setTimeout as delay } from 'node:timers/promises';
import type { Ending, Execution, Resources } from '../execution/execution.ts';
import type { KillCause, Outcome } from '../execution/outcome.ts';
import type { OutputLog } from '../output/output-log.ts';
import type { ProcessOutput } from '../output/process-output.ts';
import { LaunchError } from '../os/process-launcher.ts';
import type {
  LaunchSpec,
  LaunchedProcess,
  ProcessExit,
  ProcessLauncher,
  ProcessUsage,
  SignalScope,
} from '../os/process-launcher.ts';
import type { CommandRequest } from './schema.ts';

/** From TERM to KILL at an interrupt (contract §3.3). */
const INTERRUPT_GRACE_MS = 3_000;
/** How long a killed command may take to be gone before the interrupt answers all the same. */
const KILL_WAIT_MS = 1_000;
/** How often a group that outlives its leader is looked at: nobody tells us of processes that are not our children. */
const GROUP_CHECK_MS = 20;

/** One command from the request to its ending. It never fails: whatever goes wrong is its outcome. */
export class Command implements Execution {
  readonly id: string;
  readonly request: CommandRequest;
  readonly startedAt: number;
  readonly output: ProcessOutput;
  readonly ended: Promise<Ending>;
  /** Settles when the process runs, or when it is certain that it never will. */
  readonly started: Promise<void>;
  readonly #settle: (ending: Ending) => void;
  readonly #settleStarted: () => void;
  readonly #startedAtMonotonic: number;
  readonly #isResumed: boolean;
  #process: LaunchedProcess | undefined;
  #pid: number | undefined;
  #cause: KillCause | undefined;
  /** On request. Most of them end nothing, so they only count when the command ends by one of them. */
  readonly #sentSignals: NodeJS.Signals[] = [];
  #ending: Ending | undefined;
  /** Those that still look at the process. */
  readonly #interrupts = new Set<Promise<unknown>>();

  /** `resumedFrom`, Unix ms, is when an earlier daemon started the command. */
  constructor(id: string, request: CommandRequest, output: ProcessOutput, resumedFrom?: number) {
    const startedAt = resumedFrom ?? Date.now();
    this.id = id;
    this.request = request;
    this.output = output;
    this.startedAt = startedAt;
    this.#isResumed = resumedFrom !== undefined;
    this.#startedAtMonotonic = performance.now() - (Date.now() - startedAt);
    const ended = Promise.withResolvers<Ending>();
    const started = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.started = started.promise;
    this.#settle = ended.resolve;
    this.#settleStarted = started.resolve;
  }

  get log(): OutputLog {
    return this.output.log;
  }

  /** Undefined before the process was started. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Undefined while the command runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** The command line, or argv as JSON (addendum A2.1). */
  get text(): string {
    const { program } = this.request;
    return 'commandLine' in program ? program.commandLine : JSON.stringify(program.argv);
  }

  /** Starts the process and sees it to its end. `specify` may throw a LaunchError. Called once. */
  async run(launcher: ProcessLauncher, specify: () => LaunchSpec): Promise<void> {
    try {
      await this.follow(await launcher.launch(specify(), this.output.push));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const exhausted = error instanceof LaunchError && error.isExhaustion;
      this.#end({ kind: 'failed-to-start', message, exhausted });
    }
  }

  /** Sees a process that runs to its end. Its output goes to `output` already. Never rejects. */
  async follow(leader: LaunchedProcess): Promise<void> {
    this.#process = leader;
    this.#pid = leader.pid;
    this.#settleStarted();
    const exit = await this.#exitOrTimeout(leader);
    // A finished command is kept for a day: what it no longer needs must not be.
    this.#process = undefined;
    const cause = this.#cause ?? causeBySignal(exit, this.#sentSignals);
    // It may have ended while there was no daemon.
    const durationMs = this.#isResumed ? exit.usage?.wallMs : undefined;
    this.#end(outcomeOf(exit, cause), exit.usage && resourcesOf(exit, exit.usage, cause), durationMs);
    await Promise.all(this.#interrupts);
    leader.release();
  }

  /** Sends a signal on request. False when the command does not run. */
  async signal(signal: NodeJS.Signals, scope: SignalScope): Promise<boolean> {
    if (!this.#process || this.#ending) return false;
    // Noted before it is sent: the ending may come before the answer.
    this.#sentSignals.push(signal);
    return await this.#process.signal(signal, scope);
  }

  /**
   * Asks everything that came from the command to end, and kills what is left after 3 s. Resolves when the command has
   * ended and its process group is gone, or cannot be killed. False when the command does not run.
   */
  async interrupt(cause: KillCause = { by: 'interrupt' }, graceMs = INTERRUPT_GRACE_MS): Promise<boolean> {
    if (this.#ending) return false;
    await this.started;
    const leader = this.#process;
    if (!leader || this.#ending) return false;
    this.#cause ??= cause;
    const ending = this.#endTree(leader, graceMs);
    this.#interrupts.add(ending);
    await ending;
    this.#interrupts.delete(ending);
    return true;
  }

  async #endTree(leader: LaunchedProcess, graceMs: number): Promise<void> {
    await leader.signal('SIGTERM', 'tree');
    const deadline = Date.now() + graceMs;
    await Promise.race([this.ended, delay(graceMs, undefined, { ref: false })]);
    while (leader.hasGroup() && Date.now() < deadline) await delay(GROUP_CHECK_MS);
    await leader.signal('SIGKILL', 'tree');
    // Whoever became another user, or waits for a device, cannot be killed: the caller is not held up by that.
    await Promise.race([this.ended, delay(KILL_WAIT_MS, undefined, { ref: false })]);
  }

  /** Writes to the command's stdin; rejects when it is closed. */
  async writeStdin(bytes: Buffer): Promise<void> {
    await this.started;
    if (!this.#process) throw new LaunchError('the command did not start', 'EPIPE');
    await this.#process.writeStdin(bytes);
  }

  /** The command reads end of file from its stdin. */
  async closeStdin(): Promise<void> {
    await this.started;
    this.#process?.closeStdin();
  }

  async #exitOrTimeout(leader: LaunchedProcess): Promise<ProcessExit> {
    using _timer = this.#startTimer(leader);
    return await leader.exited;
  }

  #startTimer(leader: LaunchedProcess): Disposable {
    const { timeoutMs } = this.request;
    if (timeoutMs === 0) return { [Symbol.dispose]: () => undefined };
    const left = Math.max(0, this.#startedAtMonotonic + timeoutMs - performance.now());
    return longTimer(left, () => {
      this.#cause ??= { by: 'timeout', timeoutMs };
      void leader.signal('SIGKILL', 'tree');
    });
  }

  #end(outcome: Outcome, resources?: Resources, knownDurationMs?: number): void {
    this.output.end();
    const durationMs = knownDurationMs ?? performance.now() - this.#startedAtMonotonic;
    const endedAt = knownDurationMs === undefined ? Date.now() : Math.round(this.startedAt + knownDurationMs);
    this.#ending = { outcome, ...(resources && { resources }), endedAt, durationMs };
    this.#settleStarted();
    this.#settle(this.#ending);
  }
}

function causeBySignal({ signal }: ProcessExit, sent: readonly NodeJS.Signals[]): KillCause | undefined {
  const own = sent.find((name) => name === signal);
  return own && { by: 'signal', signal: own };
}

function outcomeOf(exit: ProcessExit, cause: KillCause | undefined): Outcome {
  if (exit.lost !== undefined) return { kind: 'lost', message: exit.lost };
  if (exit.signal !== undefined) {
    const { signal, usage } = exit;
    return {
      kind: 'signaled',
      signal,
      ...(usage && { coreDumped: usage.coreDumped }),
      ...(cause && { cause }),
    };
  }
  // Nobody survives SIGKILL with an exit code: the process had ended just before its time was up.
  const outran = cause?.by === 'timeout';
  return { kind: 'exited', code: exit.code, ...(cause && !outran && { cause }) };
}

function resourcesOf(exit: ProcessExit, usage: ProcessUsage, cause: KillCause | undefined): Resources {
  const { userCpuMs, systemCpuMs, peakRssBytes, memoryKills, killedAtEnd } = usage;
  return {
    userCpuMs,
    systemCpuMs,
    peakRssBytes,
    oomKill: cause ? 'no' : oomKillOf(exit, memoryKills),
    swept: killedAtEnd,
  };
}

/** A kill that nobody asked for, at a time when the memory ran out. */
function oomKillOf({ signal }: ProcessExit, memoryKills: number | undefined): Resources['oomKill'] {
  if (memoryKills === undefined) return signal === 'SIGKILL' ? 'inferred' : 'no';
  return memoryKills > 0 ? 'yes' : 'no';
}

/** The longest delay that setTimeout takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A timer of any length. */
function longTimer(ms: number, onTime: () => void): Disposable {
  let timer: NodeJS.Timeout;
  const wait = (left: number) => {
    const step = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > step ? wait(left - step) : onTime()), step);
  };
  wait(ms);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
