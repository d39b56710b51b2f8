import { expect, test } from 'vitest';
import { encodeBlock } from '../../src/execution/event-encoder.ts';
import type { OutputBlock } from '../../src/output/output-block.ts';
import { encode, eventTexts, referenceTexts, split } from '../support/lines.ts';
import { chunked, nastyBytes, seededRandom } from '../support/random.ts';
import type { Random } from '../support/random.ts';

const CASES = 3_000;
/** The default and some that cut nearly every line. */
const LIMITS = [undefined, 64, 200] as const;
// oxlint-disable-next-line no-control-regex -- these must not be on the wire
const RAW_SEPARATOR = /[\x00-\x09\x0b-\x1f\u0085\u2028\u2029]/;

interface Case {
  readonly bytes: Buffer;
  readonly limit: number | undefined;
  readonly blocks: readonly OutputBlock[];
  readonly random: Random;
}

/** Runs the check for many inputs in many chunkings; a failure names the seed that repeats it. */
function forManyInputs(check: (input: Case) => void): void {
  for (let seed = 1; seed <= CASES; seed += 1) {
    const random = seededRandom(seed);
    const limit = LIMITS[seed % LIMITS.length];
    const bytes = nastyBytes(random, random.below(60));
    const blocks = split(chunked(random, bytes, 1 + random.below(40)), limit);
    try {
      check({ bytes, limit, blocks, random });
    } catch (error) {
      const input = `seed ${seed}, limit ${limit ?? 'default'}, input ${JSON.stringify(bytes.toString('latin1'))}`;
      throw new Error(`${input}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}

test('contract §2.7: the events are those of the rules, applied byte by byte', () => {
  forManyInputs(({ bytes, limit, blocks }) => {
    const expected = referenceTexts(bytes);
    expect(limit === undefined ? eventTexts(blocks) : joinFragments(blocks)).toEqual(expected);
  });
});

test('contract §2.7: how the bytes are chunked changes no event', () => {
  forManyInputs(({ bytes, limit, blocks, random }) => {
    const events = eventTexts(blocks);
    expect(eventTexts(split([bytes], limit))).toEqual(events);
    expect(eventTexts(split(chunked(random, bytes, 3), limit))).toEqual(events);
  });
});

test('contract §3.5: the blocks put end to end are the raw output', () => {
  forManyInputs(({ bytes, blocks }) => {
    expect(Buffer.concat(blocks.map((block) => block.bytes)).equals(bytes)).toBe(true);
  });
});

test('a block knows how many events it holds', () => {
  forManyInputs(({ blocks }) => {
    expect(blocks.map(({ eventCount }) => eventCount)).toEqual(
      blocks.map((block) => eventTexts([block]).length),
    );
  });
});

test('no event is larger than the limit', () => {
  forManyInputs(({ limit, blocks }) => {
    if (limit === undefined) return;
    const frame = '{"type":"stdout","text":"","timestamp":1700000000123}'.length;
    const sizes = encode(blocks, 'bare')
      .split('\n\n')
      .map((line) => Buffer.byteLength(line) - frame);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
  });
});

test('ordinals have no gap, and skip leaves out exactly the events of the lower ones', () => {
  forManyInputs(({ blocks, random }) => {
    const ids = [...encode(blocks, 'sse').matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids).toEqual(eventTexts(blocks).map((_text, index) => index + 1));
    for (const block of blocks) {
      const skip = random.below(block.eventCount + 2);
      for (const framing of ['bare', 'sse'] as const) {
        const events = eventsOf(encodeBlock(block, framing, 7));
        expect(eventsOf(encodeBlock(block, framing, 7, skip))).toEqual(events.slice(skip));
      }
    }
  });
});

test('contract §2.1: every event is one line of JSON from column 0, whatever a line reader takes for a line end', () => {
  forManyInputs(({ blocks }) => {
    const encoded = encode(blocks, 'bare');
    expect(encoded).not.toMatch(RAW_SEPARATOR);
    for (const event of eventsOf(encoded)) {
      expect(event[0]).toBe('{');
      expect(event).not.toContain('\n');
      expect(JSON.parse(event)).toMatchObject({ type: 'stdout' });
    }
    const sse = encode(blocks, 'sse');
    expect(sse).not.toMatch(RAW_SEPARATOR);
    for (const event of eventsOf(sse)) expect(event).toMatch(/^id: \d+\ndata: \{.*\}$/);
  });
});

test('contract §2.7: reads larger than what the splitter looks at in one go change nothing', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const random = seededRandom(seed);
    const bytes = nastyBytes(random, 30_000);
    const expected = referenceTexts(bytes).join('|');
    expect(eventTexts(split([bytes])).join('|') === expected, `seed ${seed}, at once`).toBe(true);
    expect(
      eventTexts(split(chunked(random, bytes, 150_000))).join('|') === expected,
      `seed ${seed}, chunked`,
    ).toBe(true);
  }
});

function eventsOf(encoded: string): string[] {
  return encoded.split('\n\n').slice(0, -1);
}

/** The lines that cut events belong to: a fragment goes on in the next event. */
function joinFragments(blocks: readonly OutputBlock[]): string[] {
  const lines: string[] = [];
  let cut = '';
  for (const block of blocks) {
    const [first = '', ...rest] = eventTexts([block]);
    if (block.eventCount === 0) continue;
    if (block.kind === 'fragment') {
      cut += first;
      continue;
    }
    lines.push(cut + first, ...rest);
    cut = '';
  }
  return cut === '' ? lines : [...lines, cut];
}
