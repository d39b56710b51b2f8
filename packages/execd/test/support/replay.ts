import type { StreamEvent } from '../../src/execution/event-schema.ts';
import type { ExecdClient } from './execd-client.ts';

/** An event of GET /command/{id}/events with its id. */
export interface Frame {
  readonly id: number;
  readonly event: StreamEvent;
}

/** A reader of GET /command/{id}/events. Disposing it leaves. */
export interface Replay extends AsyncDisposable {
  /** Reads on until this event has come; gives all frames so far. Rejects when they end before. */
  until(condition: (frame: Frame) => boolean): Promise<Frame[]>;
  /** Reads to the end; gives all frames. */
  rest(): Promise<Frame[]>;
}

/** Reads the events behind an id, as far as they are asked for. */
export async function replay(execd: ExecdClient, id: string, after = 0): Promise<Replay> {
  const response = await execd.request('GET', `/command/${id}/events?after=${after}`);
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) throw new Error('no body');
  const frames: Frame[] = [];
  let text = '';
  const readOn = async (): Promise<boolean> => {
    const { done, value } = await reader.read();
    const blocks = (text + (value ?? '')).split('\n\n');
    text = blocks.pop() ?? '';
    frames.push(...blocks.flatMap(frameOf));
    return !done;
  };
  return {
    until: async (condition) => {
      for (let looked = 0; !frames.slice(looked).some(condition);) {
        looked = frames.length;
        if (!(await readOn())) throw new Error(`ended in vain: ${JSON.stringify(frames.slice(-5))}`);
      }
      return frames;
    },
    rest: async () => {
      while (await readOn());
      return frames;
    },
    // An execd that was killed meanwhile has cut the answer off.
    [Symbol.asyncDispose]: () => reader.cancel().catch(() => undefined),
  };
}

/** All frames of a command that has ended. */
export async function replayAll(execd: ExecdClient, id: string, after = 0): Promise<Frame[]> {
  await using reading = await replay(execd, id, after);
  return await reading.rest();
}

/** Frames without what may differ between two readings: when a byte was read is not part of it. */
export function timeless(frames: readonly Frame[]): unknown[] {
  return frames.map(({ id, event: { timestamp: _timestamp, ...event } }) => ({ id, ...event }));
}

/** Whether it is a line of stdout with this text. */
export function isLine(text: string): (frame: Frame) => boolean {
  return ({ event }) => event.type === 'stdout' && event.text === text;
}

/** None for a ping, which has no id. */
function frameOf(block: string): Frame[] {
  const [, id, data] = /^id: (\d+)\ndata: (\{.*\})$/.exec(block) ?? [];
  return data === undefined ? [] : [{ id: Number(id), event: JSON.parse(data) as StreamEvent }];
}
