import { describe, expect, test } from 'vitest';
import {
  encodeCloseStdin,
  encodeCredit,
  encodeFarewell,
  encodeOpen,
  encodeRelease,
  encodeSignal,
  encodeSpawn,
  encodeWrite,
} from '../src/frames.ts';
import type { SpawnRequest } from '../src/frames.ts';

const PLAIN: SpawnRequest = {
  file: '/bin/x',
  argv: ['x'],
  environment: {},
  stdin: 'null',
  mergeOutput: false,
};

describe('To the shim', () => {
  test.each([
    { frame: encodeCloseStdin(7), bytes: '05000000 04 07000000' },
    { frame: encodeRelease(0xffff_ffff), bytes: '05000000 07 ffffffff' },
    { frame: encodeCredit(7, 65_536), bytes: '09000000 06 07000000 00000100' },
    { frame: encodeFarewell(), bytes: '01000000 08' },
    { frame: encodeWrite(7, Buffer.from('hi')), bytes: '07000000 03 07000000 6869' },
    { frame: encodeWrite(7, Buffer.alloc(0)), bytes: '05000000 03 07000000' },
    { frame: encodeSignal(7, 9, 15, 'leader'), bytes: '0b000000 05 07000000 09000000 0f 00' },
    { frame: encodeSignal(7, 9, 15, 'group'), bytes: '0b000000 05 07000000 09000000 0f 01' },
    { frame: encodeSignal(7, 9, 64, 'tree'), bytes: '0b000000 05 07000000 09000000 40 02' },
  ])('$bytes', ({ frame, bytes }) => {
    expect(frame.toString('hex')).toBe(bytes.replaceAll(' ', ''));
  });

  test('open carries the version and the token', () => {
    const token = Buffer.alloc(32, 0xab);
    expect(encodeOpen(token).toString('hex')).toBe(`250000000101000000${'ab'.repeat(32)}`);
    expect(() => encodeOpen(Buffer.alloc(31))).toThrow(RangeError);
  });

  test('the shortest spawn', () => {
    const body = [
      '02000000',
      '00000000'.repeat(7),
      '01000000',
      '00000000',
      hex('/bin/x\0\0\0x\0'),
      '00000000',
    ];
    expect(bodyOf(PLAIN)).toBe(body.join(''));
  });

  test('a spawn with everything', () => {
    const request: SpawnRequest = {
      ...PLAIN,
      argv: ['x', '', 'é'],
      environment: { A: '1', B: '' },
      cwd: '/c',
      root: '/r',
      stdin: 'pipe',
      mergeOutput: true,
      identity: { uid: 1, gid: 0xffff_fffe },
      groups: [4, 5],
      limits: [{ resource: 7, soft: 8n, hard: undefined }],
      nice: -20,
      oomScoreAdjustment: -1000,
      noNewPrivileges: true,
      killAtEnd: 'tree',
      label: Buffer.from('label'),
    };
    const head = ['02000000', '7f010000', '01000000', 'feffffff', 'ecffffff', '18fcffff'];
    const counts = ['02000000', '01000000', '03000000', '02000000', '04000000', '05000000'];
    const limit = ['07000000', '0800000000000000', 'ffffffffffffffff'];
    const strings = hex('/bin/x\0/r\0/c\0x\0\0é\0A=1\0B=\0');
    const body = [...head, ...counts, ...limit, strings, '05000000', hex('label')];
    expect(bodyOf(request)).toBe(body.join(''));
  });

  test('variables that many share: the same as if they were its own, which go before them', () => {
    const baseEnvironment = { PATH: '/bin', HOME: '/root' };
    const shared = bodyOf({ ...PLAIN, baseEnvironment, environment: { A: '1' } });
    expect(shared).toBe(bodyOf({ ...PLAIN, environment: { ...baseEnvironment, A: '1' } }));
    expect(bodyOf({ ...PLAIN, baseEnvironment })).toBe(bodyOf({ ...PLAIN, environment: baseEnvironment }));
    const changed = bodyOf({ ...PLAIN, baseEnvironment, environment: { HOME: '/', A: '1' } });
    expect(changed).toBe(bodyOf({ ...PLAIN, environment: { PATH: '/bin', HOME: '/', A: '1' } }));
    expect(bodyOf({ ...PLAIN, baseEnvironment: {} })).toBe(bodyOf(PLAIN));
  });

  test.each([
    { change: { stdin: 'pipe' }, flags: 1 },
    { change: { mergeOutput: true }, flags: 2 },
    { change: { identity: { uid: 0, gid: 0 } }, flags: 4 },
    { change: { groups: [] }, flags: 8 },
    { change: { noNewPrivileges: true }, flags: 16 },
    { change: { nice: 0 }, flags: 32 },
    { change: { oomScoreAdjustment: 0 }, flags: 64 },
    { change: { killAtEnd: 'group' }, flags: 128 },
    { change: { killAtEnd: 'tree' }, flags: 256 },
  ] satisfies { change: Partial<SpawnRequest>; flags: number }[])('$change sets flag $flags', (given) => {
    expect(encodeSpawn(1, { ...PLAIN, ...given.change }).readUInt32LE(9)).toBe(given.flags);
  });

  test.each([
    { name: 'a file with NUL', change: { file: '/bin/x\0' } },
    { name: 'an argument with NUL', change: { argv: ['x', 'a\0b'] } },
    { name: 'a value with NUL', change: { environment: { A: '\0' } } },
    { name: 'a name with NUL', change: { environment: { 'A\0B': '' } } },
    { name: 'a shared value with NUL', change: { baseEnvironment: { A: 'b\0' } } },
    { name: 'a directory with NUL', change: { cwd: '\0' } },
    { name: 'a root with NUL', change: { root: '/\0' } },
    { name: 'an empty argument vector', change: { argv: [] } },
    { name: 'strings above a frame', change: { argv: ['x'.repeat(32 * 1024 * 1024)] } },
    { name: 'a label above a frame', change: { label: Buffer.alloc(32 * 1024 * 1024) } },
  ] satisfies { name: string; change: Partial<SpawnRequest> }[])('$name is refused', ({ change }) => {
    expect(() => encodeSpawn(1, { ...PLAIN, ...change })).toThrow(RangeError);
  });
});

/** What follows length and type. */
function bodyOf(request: SpawnRequest): string {
  const frame = encodeSpawn(2, request);
  expect(frame.readUInt32LE(0)).toBe(frame.length - 4);
  expect(frame[4]).toBe(2);
  return frame.subarray(5).toString('hex');
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}
