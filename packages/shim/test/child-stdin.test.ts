import { expect, test } from 'vitest';
import { ChildStdin, StdinClosedError } from '../src/child-stdin.ts';
import { UNANSWERED_WRITE_BYTES, WRITE_BYTES } from '../src/frames.ts';

/** A stdin whose frames are recorded; `delivered` says which writes were answered, in that order. */
function recordedStdin() {
  const frames: (Buffer | 'close')[] = [];
  const delivered: string[] = [];
  const stdin = new ChildStdin({ write: (bytes) => frames.push(bytes), close: () => frames.push('close') });
  const write = (name: string, bytes: Buffer) =>
    stdin.write(bytes).then(
      () => delivered.push(name),
      (error: Error) => delivered.push(`${name}: ${error.name}`),
    );
  const sentBytes = () => frames.reduce((sum, frame) => sum + (frame === 'close' ? 0 : frame.length), 0);
  return { stdin, frames, delivered, write, sentBytes };
}

test('no frame is above 64 KiB, and no more than 256 KiB are unanswered', async () => {
  const { stdin, frames, delivered, write, sentBytes } = recordedStdin();
  const whole = write('all', Buffer.alloc(UNANSWERED_WRITE_BYTES * 2 + 1));
  expect(frames.map((frame) => frame.length)).toEqual([1, 2, 3, 4].map(() => WRITE_BYTES));
  stdin.taken(WRITE_BYTES - 1);
  expect(sentBytes()).toBe(UNANSWERED_WRITE_BYTES);
  stdin.taken(1);
  expect(sentBytes()).toBe(UNANSWERED_WRITE_BYTES + WRITE_BYTES);
  stdin.taken(UNANSWERED_WRITE_BYTES);
  expect(sentBytes()).toBe(UNANSWERED_WRITE_BYTES * 2 + 1);
  stdin.taken(UNANSWERED_WRITE_BYTES - WRITE_BYTES);
  expect(delivered).toEqual([]);
  stdin.taken(1);
  await whole;
  expect(delivered).toEqual(['all']);
});

test('bytes keep the order of the calls: a small write does not overtake the rest of a large one', async () => {
  const { stdin, frames, write, sentBytes } = recordedStdin();
  const large = Buffer.alloc(UNANSWERED_WRITE_BYTES + WRITE_BYTES, 'l');
  const writes = [write('large', large), write('small', Buffer.from('s'))];
  stdin.taken(1000);
  stdin.taken(UNANSWERED_WRITE_BYTES - 1000);
  expect(sentBytes()).toBe(large.length + 1);
  expect(frames.at(-1)?.toString()).toBe('s');
  stdin.taken(WRITE_BYTES + 1);
  await Promise.all(writes);
});

test('close goes out behind what waits for the window', async () => {
  const { stdin, frames, write } = recordedStdin();
  const whole = write('all', Buffer.alloc(UNANSWERED_WRITE_BYTES + 1));
  stdin.close();
  stdin.close();
  expect(frames).not.toContain('close');
  stdin.taken(UNANSWERED_WRITE_BYTES);
  expect(frames.map((frame) => (frame === 'close' ? frame : frame.length)).slice(-2)).toEqual([1, 'close']);
  stdin.taken(1);
  await whole;
  await expect(stdin.write(Buffer.from('x'))).rejects.toThrow(StdinClosedError);
});

test('what was delivered stays delivered when the close is answered at once', async () => {
  const { stdin, delivered, write } = recordedStdin();
  const writes = [write('first', Buffer.from('abc')), write('second', Buffer.from('de'))];
  stdin.close();
  stdin.taken(4);
  stdin.end(new StdinClosedError('closed'));
  await Promise.all(writes);
  expect(delivered).toEqual(['first', 'second: StdinClosedError']);
});

test('an empty write waits for those before it', async () => {
  const { stdin, delivered, write } = recordedStdin();
  await write('alone', Buffer.alloc(0));
  const writes = [write('first', Buffer.from('abc')), write('empty', Buffer.alloc(0))];
  stdin.taken(3);
  await Promise.all(writes);
  expect(delivered).toEqual(['alone', 'first', 'empty']);
});

test('after its end nothing goes out, and every write is rejected', async () => {
  const { stdin, frames, delivered, write, sentBytes } = recordedStdin();
  const waiting = write('waiting', Buffer.alloc(UNANSWERED_WRITE_BYTES + 1));
  stdin.end(new StdinClosedError('ended'));
  stdin.end(new TypeError('later'));
  stdin.taken(UNANSWERED_WRITE_BYTES);
  stdin.close();
  await waiting;
  await write('late', Buffer.from('x'));
  expect(delivered).toEqual(['waiting: StdinClosedError', 'late: StdinClosedError']);
  expect(sentBytes()).toBe(UNANSWERED_WRITE_BYTES);
  expect(frames).not.toContain('close');
});
