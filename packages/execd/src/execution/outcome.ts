/** Who ended a process that did not end by itself. The first cause stands. */
export type KillCause =
  | { readonly by: 'timeout'; readonly timeoutMs: number }
  | { readonly by: 'interrupt' }
  | { readonly by: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly by: 'shutdown' };

/** How an execution ended. Never thrown: a bad ending is a result like any other. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number; readonly cause?: KillCause }
  | {
      readonly kind: 'signaled';
      readonly signal: string;
      /** Absent when nobody can tell. */
      readonly coreDumped?: boolean;
      readonly cause?: KillCause;
    }
  | {
      readonly kind: 'failed-to-start';
      readonly message: string;
      /** The system had no room for another process: the same request may succeed later. */
      readonly exhausted: boolean;
    }
  /** Who watched the process is gone; what was left of it was killed. */
  | { readonly kind: 'lost'; readonly message: string };

/** Go's names of the signals, which the original puts on the wire (contract §19). */
const SIGNAL_TEXT: Readonly<Record<string, string>> = {
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
  SIGQUIT: 'quit',
  SIGILL: 'illegal instruction',
  SIGTRAP: 'trace/breakpoint trap',
  SIGABRT: 'aborted',
  SIGBUS: 'bus error',
  SIGFPE: 'floating point exception',
  SIGKILL: 'killed',
  SIGUSR1: 'user defined signal 1',
  SIGSEGV: 'segmentation fault',
  SIGUSR2: 'user defined signal 2',
  SIGPIPE: 'broken pipe',
  SIGALRM: 'alarm clock',
  SIGTERM: 'terminated',
};

/** The exit code on the wire: -1 for a signal or an ending that nobody saw, 255 for a process that never started (contract §3.1, §3.2). */
export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code;
    case 'signaled':
    case 'lost':
      return -1;
    case 'failed-to-start':
      return 255;
  }
}

/** `exit status 7`, `signal: killed` or why the process did not start; undefined for success (contract §3.1). */
export function errorTextOf(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code === 0 ? undefined : `exit status ${outcome.code}`;
    case 'signaled':
      return `signal: ${SIGNAL_TEXT[outcome.signal] ?? outcome.signal}${outcome.coreDumped ? ' (core dumped)' : ''}`;
    case 'failed-to-start':
    case 'lost':
      return outcome.message;
  }
}

/** Who ended the process, if it was not itself. */
export function causeOf(outcome: Outcome): KillCause | undefined {
  return outcome.kind === 'exited' || outcome.kind === 'signaled' ? outcome.cause : undefined;
}
