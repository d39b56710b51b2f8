import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevPod } from '../support/dev-pod.ts';
import type { DevPod } from '../support/dev-pod.ts';
import { connectSandbox, createSandbox, texts } from '../support/sdk-sandbox.ts';

let pod: DevPod;
let sandboxId: string;

beforeAll(async () => {
  pod = await startDevPod();
  const { sandbox } = await createSandbox(pod);
  sandboxId = sandbox.id;
  await sandbox.close();
});

afterAll(() => pod[Symbol.asyncDispose]());

/** The stdout events of a command as the SDK delivers them. */
async function stdoutOf(command: string): Promise<string[]> {
  await using box = await connectSandbox(pod, sandboxId);
  const execution = await box.sandbox.commands.run(command);
  expect(execution.exitCode).toBe(0);
  return texts(execution.logs.stdout);
}

describe('stdout as events (contract §2.7)', () => {
  test.each([
    {
      name: 'a blank line is an event of its own',
      command: "printf 'a\\n\\nb\\n\\n\\nc'",
      expected: ['a', '\n', 'b', '\n', '\n', 'c'],
    },
    { name: 'CRLF ends one line', command: "printf 'x\\r\\ny\\r\\n'", expected: ['x', 'y'] },
    { name: 'a CR alone ends a line', command: "printf '10%%\\r20%%\\r'", expected: ['10%', '20%'] },
    {
      name: 'a blank line between CRLFs',
      command: "printf 'x\\r\\n\\r\\ny\\r\\n'",
      expected: ['x', '\n', 'y'],
    },
    { name: 'CRLF in two writes', command: "printf 'x\\r'; sleep 0.1; printf '\\ny'", expected: ['x', 'y'] },
    { name: 'a last line without end', command: 'printf hi', expected: ['hi'] },
    { name: 'no output', command: 'true', expected: [] },
    { name: 'a line in two writes', command: 'printf he; sleep 0.1; echo llo', expected: ['hello'] },
    { name: 'UTF-8', command: "echo 'héllo ✓ 你好 🎉'", expected: ['héllo ✓ 你好 🎉'] },
    {
      name: 'a character in two writes',
      command: "printf '\\360\\237'; sleep 0.1; printf '\\216\\211\\n'",
      expected: ['🎉'],
    },
    { name: 'bytes that are no UTF-8', command: "printf 'a\\377b\\n'", expected: ['a\uFFFDb'] },
    {
      name: 'quotes, backslashes and control characters',
      command: "printf '\"\\\\ \\t\\001\\n'",
      expected: ['"\\ \t\u0001'],
    },
  ])('$name', async ({ command, expected }) => {
    expect(await stdoutOf(command)).toEqual(expected);
  });

  test('a line longer than 64 KiB stays whole', async () => {
    const [line, ...others] = await stdoutOf("head -c 200000 /dev/zero | tr '\\0' x; echo; echo end");
    expect(line).toBe('x'.repeat(200_000));
    expect(others).toEqual(['end']);
  });

  test('a long line of multi-byte characters stays whole', async () => {
    const lines = await stdoutOf("yes 你好 | head -n 40000 | tr -d '\\n'");
    expect(lines).toEqual(['你好'.repeat(40_000)]);
  });

  test('20000 lines arrive once each and in order', async () => {
    const lines = await stdoutOf('seq 20000');
    expect(lines).toEqual(Array.from({ length: 20_000 }, (_, index) => String(index + 1)));
  });
});
