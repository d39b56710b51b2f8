import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errorCode, errorText } from '../../src/os/errno.ts';

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

test.each([
  { name: 'a system error', value: thrownBy(() => readFileSync('/does/not/exist')), code: 'ENOENT' },
  { name: 'an error of Node', value: thrownBy(() => readFileSync('\0')), code: 'ERR_INVALID_ARG_VALUE' },
  { name: 'another error', value: new Error('x'), code: undefined },
  { name: 'an error with a number', value: Object.assign(new Error('x'), { code: 5 }), code: undefined },
  { name: 'an object with a code', value: { code: 'ENOENT' }, code: undefined },
  { name: 'nothing', value: undefined, code: undefined },
])('the code of $name is $code', ({ value, code }) => {
  expect(errorCode(value)).toBe(code);
});

test.each([
  ['ENOENT', 'no such file or directory'],
  ['EPERM', 'operation not permitted'],
  ['EACCES', 'permission denied'],
  ['ENOTDIR', 'not a directory'],
  ['ENOMEM', 'cannot allocate memory'],
  ['ENAMETOOLONG', 'file name too long'],
  ['ELOOP', 'too many levels of symbolic links'],
  ['EOWN', 'EOWN'],
])('contract §3.1: %s reads as the system says it: %s', (code, text) => {
  expect(errorText(code)).toBe(text);
});
