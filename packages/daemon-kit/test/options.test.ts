import { expect, test } from 'vitest';
import { z } from 'zod';
import { OptionError, optionsHelp, readOptions } from '../src/options.ts';

const OPTIONS = {
  name: { flag: 'name', env: 'NAME', schema: z.string(), default: 'nobody', help: 'a name' },
  size: {
    flag: 'a-size',
    schema: z.string().transform((text, context) => {
      if (/^\d+$/.test(text)) return Number(text);
      context.addIssue({ code: 'custom', message: 'digits are needed' });
      return z.NEVER;
    }),
    default: '1',
    help: 'a size',
  },
  loud: {
    flag: 'loud',
    env: 'LOUD',
    schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
    default: 'false',
    boolean: true,
    help: 'noise',
  },
};

function read(argv: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
  return readOptions(OPTIONS, argv, env);
}

test('defaults hold when nothing is given', () => {
  expect(read([])).toEqual({ values: { name: 'nobody', size: 1, loud: false }, rest: [], given: new Set() });
});

test('a flag beats its variable, which beats the default', () => {
  expect(read([], { NAME: 'env' }).values.name).toBe('env');
  expect(read(['--name', 'flag'], { NAME: 'env' }).values.name).toBe('flag');
  expect(read([], { NAME: '' }).values.name).toBe('nobody');
  expect(read([], { NAME: undefined }).values.name).toBe('nobody');
});

test('what was given is named as it was given', () => {
  expect(read(['-a-size=5', '--loud'], { NAME: 'env', OTHER: 'x' }).given).toEqual(
    new Set(['NAME', '--a-size', '--loud']),
  );
  expect(read(['--name=flag'], { NAME: 'env' }).given).toEqual(new Set(['--name']));
});

test('what stands behind -- is not looked at', () => {
  const { values, rest } = read(['--name=x', '--', '--name=y', '-bogus', '--']);
  expect(values.name).toBe('x');
  expect(rest).toEqual(['--name=y', '-bogus', '--']);
});

test.each([
  { argv: ['--a-size=x'], message: 'invalid value "x" for --a-size: digits are needed' },
  { argv: ['--a-size=\n'], message: String.raw`invalid value "\n" for --a-size: digits are needed` },
  { argv: ['--loud=maybe'], message: 'invalid value "maybe" for --loud: ' },
  { argv: ['--nope'], message: "Unknown option '--nope'" },
  { argv: ['--names=x'], message: "Unknown option '--names'" },
  { argv: ['x'], message: "Unexpected argument 'x'" },
  { argv: ['--loud', 'true'], message: "Unexpected argument 'true'" },
  { argv: ['--name'], message: "Option '--name" },
])('$argv is refused with one line: $message', ({ argv, message }) => {
  expect(() => read(argv)).toThrow(OptionError);
  expect(() => read(argv)).toThrow(message);
  expect(() => read(argv)).toThrow(/^[^\n]+$/);
});

test('a bad variable is named, not the flag', () => {
  expect(() => read([], { LOUD: 'very' })).toThrow('invalid value "very" for LOUD: ');
});

test('the help tells flag, default and variable', () => {
  expect(optionsHelp('Intro.', OPTIONS).split('\n')).toEqual([
    'Intro.',
    '',
    'Options [environment variable]:',
    `${'  --name <value>'.padEnd(42)}a name (default nobody) [NAME]`,
    `${'  --a-size <value>'.padEnd(42)}a size (default 1)`,
    `${'  --loud'.padEnd(42)}noise (default false) [LOUD]`,
    '',
  ]);
});
