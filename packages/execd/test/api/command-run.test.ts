import { expect, test } from 'vitest';
import { startExecd, texts } from '../support/execd.ts';

test('contract §2.3: init, output in order, one ending', async () => {
  await using execd = await startExecd();
  const events = await execd.run({ command: 'echo one; echo two' });
  expect(events.map(({ type }) => type)).toEqual(['init', 'stdout', 'stdout', 'execution_complete']);
  expect(texts(events)).toEqual(['one', 'two']);
});
