/** A process to start. Strings must not contain NUL. */
export interface LaunchSpec {
  /** The file to execute: an absolute path. */
  readonly file: string;
  /** The argument vector with the program's own name first. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Undefined for the daemon's own. */
  readonly cwd: string | undefined;
  /** Undefined to run as the daemon does. */
  readonly identity: { readonly uid: number; readonly gid: number } | undefined;
  /** `null` reads as end of file at once. */
  readonly stdin: 'null' | 'pipe';
  /** stdout and stderr are one stream, `stdout`, in the order of the writes. */
  readonly mergeOutput: boolean;
}

/** Takes output as it arrives; a promise asks to read no more before it resolves. */
export type OutputSink = (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void> | undefined;

/** How the leader ended: an exit code or a signal. */
export type ProcessExit =
  | { readonly code: number; readonly signal?: undefined }
  | { readonly code?: undefined; readonly signal: NodeJS.Signals };

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
  signal(signal: NodeJS.Signals, scope: SignalScope): boolean;
  /** Whether a member of the process group is alive, the leader or another. */
  hasGroup(): boolean;
  /** Writes to stdin; resolves when the bytes are out of our hands. Rejects when stdin is closed. */
  writeStdin(bytes: Buffer): Promise<void>;
  /** Closes stdin: the process reads end of file. */
  closeStdin(): void;
}

/** The process could not be started: the system's error, with the step that failed. Nothing is left running. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  /** `EPERM`, `ENOENT` …; empty when the error had no system code. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** Starts processes. */
export interface ProcessLauncher extends AsyncDisposable {
  /** Rejects with a LaunchError. */
  launch(spec: LaunchSpec, sink: OutputSink): Promise<LaunchedProcess>;
}
