import { setTimeout as delay } from 'node:timers/promises';
import type { Ending, Execution } from '../execution/execution.ts';
import type { KillCause, Outcome } from '../execution/outcome.ts';
import type { OutputLog } from '../output/output-log.ts';
import type { ProcessOutput } from '../output/process-output.ts';
import { LaunchError } from '../os/process-launcher.ts';
import type {
  LaunchSpec,
  LaunchedProcess,
  ProcessExit,
  ProcessLauncher,
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
  readonly startedAt = Date.now();
  readonly output: ProcessOutput;
  readonly ended: Promise<Ending>;
  /** Settles when the process runs, or when it is certain that it never will. */
  readonly started: Promise<void>;
  readonly #settle: (ending: Ending) => void;
  readonly #settleStarted: () => void;
  readonly #startedAtMonotonic = performance.now();
  #process: LaunchedProcess | undefined;
  #pid: number | undefined;
  #cause: KillCause | undefined;
  /** On request. Most of them end nothing, so they only count when the command ends by one of them. */
  #sentSignals: NodeJS.Signals[] = [];
  #ending: Ending | undefined;

  constructor(id: string, request: CommandRequest, output: ProcessOutput) {
    this.id = id;
    this.request = request;
    this.output = output;
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
      this.#process = await launcher.launch(specify(), this.output.push);
    } catch (error) {
      this.#end({ kind: 'failed-to-start', message: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#pid = this.#process.pid;
    this.#settleStarted();
    using _timer = this.#startTimer(this.#process);
    const exit = await this.#process.exited;
    // Foreground commands may leave processes behind; background ones may not (contract §3.2).
    if (this.request.background) this.#process.signal('SIGKILL', 'group');
    // A finished command is kept for a day: what it no longer needs must not be.
    this.#process = undefined;
    this.#end(outcomeOf(exit, this.#cause ?? causeBySignal(exit, this.#sentSignals)));
  }

  /** Sends a signal on request. False when the command does not run. */
  signal(signal: NodeJS.Signals, scope: SignalScope): boolean {
    if (!this.#process || this.#ending) return false;
    const reached = this.#process.signal(signal, scope);
    if (reached) this.#sentSignals.push(signal);
    return reached;
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
    leader.signal('SIGTERM', 'tree');
    const deadline = Date.now() + graceMs;
    await Promise.race([this.ended, delay(graceMs, undefined, { ref: false })]);
    while (leader.hasGroup() && Date.now() < deadline) await delay(GROUP_CHECK_MS);
    leader.signal('SIGKILL', 'tree');
    // Whoever became another user, or waits for a device, cannot be killed: the caller is not held up by that.
    await Promise.race([this.ended, delay(KILL_WAIT_MS, undefined, { ref: false })]);
    return true;
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

  #startTimer(leader: LaunchedProcess): Disposable {
    const { timeoutMs } = this.request;
    if (timeoutMs === 0) return { [Symbol.dispose]: () => undefined };
    return longTimer(timeoutMs, () => {
      this.#cause ??= { by: 'timeout', timeoutMs };
      leader.signal('SIGKILL', 'tree');
    });
  }

  #end(outcome: Outcome): void {
    this.output.end();
    const durationMs = performance.now() - this.#startedAtMonotonic;
    this.#ending = { outcome, endedAt: Date.now(), durationMs };
    this.#settleStarted();
    this.#settle(this.#ending);
  }
}

function causeBySignal({ signal }: ProcessExit, sent: readonly NodeJS.Signals[]): KillCause | undefined {
  return signal !== undefined && sent.includes(signal) ? { by: 'signal', signal } : undefined;
}

function outcomeOf(exit: ProcessExit, cause: KillCause | undefined): Outcome {
  if (exit.signal !== undefined) return { kind: 'signaled', signal: exit.signal, ...(cause && { cause }) };
  // Nobody survives SIGKILL with an exit code: the process had ended just before its time was up.
  const outran = cause?.by === 'timeout';
  return { kind: 'exited', code: exit.code, ...(cause && !outran && { cause }) };
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
