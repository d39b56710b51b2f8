import { expect, test } from 'vitest';
import { resolvePermission } from '../../src/filesystem/permission.ts';

test.each<[number | null | undefined, number | undefined]>([
  [undefined, undefined],
  [null, undefined],
  [0, undefined],
  [7, 0o7],
  [644, 0o644],
  [755, 0o755],
  [777, 0o777],
  [4755, 0o755],
  [1777, 0o777],
])('contract §6: mode %s', (mode, expected) => {
  expect(resolvePermission({ mode }, '').mode).toBe(expected);
});

test.each([8, 799, -1, -755, 1e21])('contract §6: mode %s is an error', (mode) => {
  expect(() => resolvePermission({ mode }, 'prefix. ')).toThrow(
    expect.objectContaining({
      code: 'RUNTIME_ERROR',
      message: expect.stringMatching(/^prefix\. invalid mode/) as unknown,
    }),
  );
});

test('contract §6: owner and group by name, by number, or left alone', () => {
  expect(resolvePermission({ owner: 'root', group: 'root' }, '')).toEqual({
    mode: undefined,
    uid: 0,
    gid: 0,
  });
  expect(resolvePermission({ owner: '1234', group: '4321' }, '')).toEqual({
    mode: undefined,
    uid: 1234,
    gid: 4321,
  });
  expect(resolvePermission({ owner: '', group: null }, '')).toEqual({
    mode: undefined,
    uid: undefined,
    gid: undefined,
  });
});

test.each([
  [{ owner: 'no such user' }, 'x. failed to lookup user no such user: user: unknown user no such user'],
  [{ group: 'nobodys' }, 'x. failed to lookup group nobodys: group: unknown group nobodys'],
  [{ owner: '4294967295' }, 'x. failed to lookup user 4294967295: user: unknown user 4294967295'],
  [{ owner: '-1' }, 'x. failed to lookup user -1: user: unknown user -1'],
])('contract §7.4: %j is an error', (permission, message) => {
  expect(() => resolvePermission(permission, 'x. ')).toThrow(message);
});
