/** Limits of a process that can be set when it starts; each is soft and hard limit at once (setrlimit(2)). */
export interface ProcessLimits {
  readonly cpuSeconds?: number | undefined;
  /** Bytes. */
  readonly addressSpace?: number | undefined;
  /** Bytes. */
  readonly fileSize?: number | undefined;
  readonly openFiles?: number | undefined;
  /** Of the user, not of this process alone; the kernel does not hold root to it. */
  readonly processes?: number | undefined;
  /** -20 to 19. */
  readonly nice?: number | undefined;
  /** -1000 to 1000 (proc(5)). */
  readonly oomScoreAdj?: number | undefined;
}

/** A process to start. Strings must not contain NUL. */
export interface LaunchSpec {
  /** The file to execute: an absolute path. */
  readonly file: string;
  /** The argument vector with the program's own name first. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variables that many processes share, below `environment`; an object that never changes. */
  readonly baseEnvironment?: Readonly<Record<string, string>> | undefined;
  /** Undefined for the daemon's own. */
  readonly cwd: string | undefined;
  /** Undefined to run as the daemon does. */
  readonly identity: { readonly uid: number; readonly gid: number } | undefined;
  /** All supplementary groups; undefined to keep the daemon's. */
  readonly groups?: readonly number[] | undefined;
  readonly limits?: ProcessLimits | undefined;
  /** `null` reads as end of file at once. */
  readonly stdin: 'null' | 'pipe';
  /** stdout and stderr are one stream, `stdout`, in the order of the writes. */
  readonly mergeOutput: boolean;
  /** Whom SIGKILL reaches when the leader has ended. */
  readonly killAtEnd?: 'group' | 'tree' | undefined;
  /** What a daemon that comes after this one needs to know of the process; kept where the process is kept. */
  readonly label?: (() => string) | undefined;
}

/** Takes output as it arrives; a promise asks to read no more before it resolves. */
export type OutputSink = (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | undefined;

/** What a process used, its reaped descendants included. */
export interface ProcessUsage {
  readonly userCpuMs: number;
  readonly systemCpuMs: number;
  readonly peakRssBytes: number;
  /** From its start to its end. */
  readonly wallMs: number;
  /** Meaningful when a signal ended it. */
  readonly coreDumped: boolean;
  /** How often the memory cgroup killed somebody meanwhile; undefined when that cannot be read. */
  readonly memoryKills: number | undefined;
  /** How many processes `killAtEnd` reached. */
  readonly killedAtEnd: number;
}

/** How the leader ended: an exit code, a signal, or nobody knows, with the reason. */
export type ProcessExit = (
  | { readonly code: number; readonly signal?: undefined; readonly lost?: undefined }
  | { readonly code?: undefined; readonly signal: string; readonly lost?: undefined }
  | { readonly code?: undefined; readonly signal?: undefined; readonly lost: string }
) & { readonly usage?: ProcessUsage };

/** Whom a signal reaches: the process, its process group, or everything that came from it and can be found. */
export type SignalScope = 'leader' | 'group' | 'tree';

/** A running process, the leader of its own session and process group. */
export interface LaunchedProcess {
  readonly pid: number;
  /**
   * Settles when the leader has ended and the output that was readable then has gone to the sink. It does not wait for
   * descendants that keep the pipe open: what they write later is read and dropped, so that they neither block nor get
   * SIGPIPE. Never rejects.
   */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal; false when there is nobody left to get it. */
  signal(signal: NodeJS.Signals, scope: SignalScope): Promise<boolean>;
  /** Whether a member of the process group is alive, the leader or another. */
  hasGroup(): boolean;
  /** Writes to stdin; resolves when the bytes are out of our hands. Rejects when stdin is closed. */
  writeStdin(bytes: Buffer): Promise<void>;
  /** Closes stdin: the process reads end of file. */
  closeStdin(): void;
  /** Nobody will ask anything of it any more. */
  release(): void;
}

/** The system had no room for another process: what it says when a limit on processes, files or memory is hit. */
const EXHAUSTION_CODES: ReadonlySet<string> = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);

/** The process could not be started: the system's error, with the step that failed. Nothing is left running. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  /** `EPERM`, `ENOENT` …; empty when the error had no system code. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }

  /** Whether the same request may succeed later. */
  get isExhaustion(): boolean {
    return EXHAUSTION_CODES.has(this.code);
  }
}

/** What a launcher can do beyond starting a process. */
export type LauncherFeature = 'groups' | 'limits' | 'detached-kill' | 'usage' | 'survival';

/** Starts processes. */
export interface ProcessLauncher extends AsyncDisposable {
  readonly features: readonly LauncherFeature[];
  /** Rejects with a LaunchError. */
  launch(spec: LaunchSpec, sink: OutputSink): Promise<LaunchedProcess>;
}
