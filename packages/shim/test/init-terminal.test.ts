import { beforeEach, expect, test } from 'vitest';
import type { RunningProgram } from './support/init-process.ts';
import { AS_PID_1, SHIM, run, until } from './support/init-process.ts';

const PROMPT = 'shell> ';
const INTERACTIVE_SHELL = ['env', `PS1=${PROMPT}`, 'bash', '--norc', '-i'];
const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_Z = '\x1a';

/** A session of its own on the terminal, as a container's PID 1 has it. */
const AS_PID_1_OF_A_SESSION = [...AS_PID_1, 'setsid', '--ctty'];

beforeEach(({ skip }) => {
  skip(process.geteuid?.() !== 0, 'only root can make somebody PID 1');
});

const SHOW = 'show() { echo "[$1]"; }; trap "show continued" CONT; show ready';

/**
 * Reads lines and shows each in brackets; says when it begins and when it is continued: before that, what is typed may
 * still go to the shell. It looks up from its reading ten times a second, since bash that is continued just before it
 * begins to read would say so only after the next line.
 */
const READER = `'${SHOW}; while :; do if read -r -t 0.1 line; then show "$line"; elif [ $? -lt 128 ]; then break; fi; done'`;

/** The same for one that reads without a pause, as the terminal only stops who does. */
const STEADY_READER = `'${SHOW}; while read -r line; do show "$line"; done'`;

test('the command is in the foreground: it reads, and Ctrl-C reaches it and not us', async () => {
  await using terminal = await interactiveShell();
  await terminal.type(`${SHIM} init -- bash -c ${READER}\n`, '[ready]');
  await terminal.type('hello\n', '[hello]');
  await terminal.type(CTRL_C, PROMPT);
  await terminal.type('echo "status=$?"\n', 'status=130');
});

test('Ctrl-Z stops both, and fg continues both', async () => {
  await using terminal = await interactiveShell();
  await terminal.type(`${SHIM} init -- bash -c ${READER}\n`, '[ready]');
  await terminal.type(CTRL_Z, 'Stopped');
  await terminal.wait(PROMPT);
  await terminal.type('fg; echo "status=$?"\n', '[continued]');
  await terminal.type('again\n', '[again]');
  await terminal.type(CTRL_D, 'status=0');
});

test('a command in the background leaves the terminal alone until fg', async () => {
  await using terminal = await interactiveShell();
  await terminal.type(`${SHIM} init -- bash -c ${STEADY_READER} &\n`, PROMPT);
  // It reads, so the terminal stops it, and us with it.
  await terminal.type('until jobs -s | grep -q .; do :; done; echo "stopped $((40 + 2))"\n', 'stopped 42');
  await terminal.wait(PROMPT);
  await terminal.type('fg; echo "status=$?"\n', '[continued]');
  await terminal.type('hello\n', '[hello]');
  await terminal.type(CTRL_C, 'status=130');
});

test('a script that goes on after us has the terminal back', async () => {
  await using terminal = await interactiveShell();
  const killed = `${SHIM} init -- sh -c "kill -9 \\$\\$"`;
  await terminal.type(
    `bash -c '${SHIM} init -- true; ${killed}; read -rp "<re""ady>" line; echo "[$line]"'\n`,
    '<ready>',
  );
  await terminal.type('mine\n', '[mine]');
});

test('PID 1 of a session: Ctrl-Z has no effect, since nobody could continue the command', async () => {
  const reader = ['bash', '-c', READER.slice(1, -1)];
  await using terminal = await startInTerminal([...AS_PID_1_OF_A_SESSION, SHIM, 'init', '--', ...reader]);
  await terminal.wait('[ready]');
  await terminal.type(CTRL_Z, '[continued]');
  await terminal.type('hello\n', '[hello]');
  await terminal.type(CTRL_C);
  expect(await terminal.ended).toBe(130);
});

test.each([
  { name: 'of a session', prefix: AS_PID_1_OF_A_SESSION },
  { name: 'of somebody else’s session', prefix: AS_PID_1 },
])('PID 1 $name: an interactive shell has its job control', async ({ prefix }) => {
  await using terminal = await startInTerminal([...prefix, SHIM, 'init', '--', ...INTERACTIVE_SHELL]);
  await terminal.wait(PROMPT);
  await terminal.type(`bash -c ${READER}\n`, '[ready]');
  await terminal.type(CTRL_Z, 'Stopped');
  await terminal.wait(PROMPT);
  await terminal.type('fg\n', '[continued]');
  await terminal.type('hello\n', '[hello]');
  await terminal.type(CTRL_C, PROMPT);
  await terminal.type('exit 12\n');
  expect(await terminal.ended).toBe(12);
});

/** A program in a terminal of its own, with somebody who types. */
interface Terminal extends AsyncDisposable {
  readonly ended: Promise<number | string>;
  /** Types; with `answer`, resolves when that was shown after everything that was waited for before. */
  type(keys: string, answer?: string): Promise<void>;
  wait(answer: string): Promise<void>;
}

async function interactiveShell(): Promise<Terminal> {
  const shell = await startInTerminal(INTERACTIVE_SHELL);
  await shell.wait(PROMPT);
  return shell;
}

async function startInTerminal(commandLine: readonly string[]): Promise<Terminal> {
  const quoted = commandLine.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const script = ['script', '--quiet', '--return', '--flush', '--command', quoted, '/dev/null'];
  const running: RunningProgram = run(script);
  let seen = 0;
  const wait = async (answer: string) => {
    const find = () => running.stdout.indexOf(answer, seen);
    await until(() => find() >= 0).catch(() => {
      throw new Error(`${answer} was not shown; it shows ${JSON.stringify(running.stdout)}`);
    });
    seen = find() + answer.length;
  };
  return {
    ended: running.ended,
    wait,
    async type(keys, answer) {
      running.stdin.write(keys);
      if (answer !== undefined) await wait(answer);
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
