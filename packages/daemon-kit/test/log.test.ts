import { expect, test } from 'vitest';
import { createLogger, silentLogger } from '../src/log.ts';
import type { LogLevel } from '../src/log.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function recorded(level: LogLevel, fields = {}) {
  const lines: string[] = [];
  return { lines, log: createLogger((line) => void lines.push(line), level, fields) };
}

test('a line is one JSON object with level, time, message and fields', () => {
  const { lines, log } = recorded('info', { service: 'x' });
  log.info('it\nhappened', { count: 2, nested: { a: [true, null] } });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\{.*\}\n$/);
  const { ts, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  expect(new Date(String(ts)).toISOString()).toBe(ts);
  const fields = { service: 'x', count: 2, nested: { a: [true, null] } };
  expect(rest).toEqual({ level: 'info', msg: 'it\nhappened', ...fields });
});

test.each([
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
  ['fatal', []],
] as const)('at level %s the lines of %j are written', (level, written) => {
  const { lines, log } = recorded(level);
  for (const name of LEVELS) log[name]('x');
  expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(written);
});

test('a child has the fields of its parent and its own, its own winning', () => {
  const { lines, log } = recorded('info', { a: 1, b: 1 });
  log.child({ b: 2 }).child({ c: 3 }).warn('x', { c: 4 });
  log.warn('y');
  const [child, parent] = lines.map((line) => JSON.parse(line) as unknown);
  expect(child).toMatchObject({ a: 1, b: 2, c: 4, msg: 'x' });
  expect(parent).toEqual({ level: 'warn', ts: expect.any(String), msg: 'y', a: 1, b: 1 });
});

test('an error is written with its stack', () => {
  const { lines, log } = recorded('info');
  const error = new TypeError('went wrong');
  log.error('x', { error });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ error: error.stack });
});

test('secrets are masked in the message, in every field, however deep, and in errors', () => {
  const { lines, log } = recorded('info', { start: 'TOKEN=hunter2' });
  const error = new Error('PASSWORD=hunter2');
  log.info('run --token hunter2', {
    command: 'A_SECRET=hunter2 x',
    deep: [{ url: 'http://u:hunter2@h' }],
    error,
  });
  expect(lines[0]).not.toContain('hunter2');
  expect(lines[0]?.split('****')).toHaveLength(6);
});

test('the silent logger writes nothing', () => {
  for (const name of LEVELS) expect(silentLogger[name]('x')).toBeUndefined();
  expect(silentLogger.child({ a: 1 }).error('x')).toBeUndefined();
});
