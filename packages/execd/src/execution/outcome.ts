/** Who ended a process that did not end by itself. The first cause stands. */
export type KillCause =
  | { readonly by: 'timeout'; readonly timeoutMs: number }
  | { readonly by: 'interrupt' }
  | { readonly by: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly by: 'shutdown' };

/** How an execution ended. Never thrown: a bad ending is a result like any other. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number; readonly cause?: KillCause }
  | { readonly kind: 'signaled'; readonly signal: NodeJS.Signals; readonly cause?: KillCause }
  | { readonly kind: 'failed-to-start'; readonly message: string };

/** Go's names of the signals, which the original puts on the wire (contract §19). */
const SIGNAL_TEXT: Partial<Record<NodeJS.Signals, string>> = {
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

/** The exit code on the wire: -1 for a signal, 255 for a process that never started (contract §3.1, §3.2). */
export function exitCodeOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code;
    case 'signaled':
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
      return `signal: ${SIGNAL_TEXT[outcome.signal] ?? outcome.signal}`;
    case 'failed-to-start':
      return outcome.message;
  }
}

/** Who ended the process, if it was not itself. */
export function causeOf(outcome: Outcome): KillCause | undefined {
  return outcome.kind === 'failed-to-start' ? undefined : outcome.cause;
}
