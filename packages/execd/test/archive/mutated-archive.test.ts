import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { extractionPlace } from '../support/archive.ts';
import { seededRandom } from '../support/random.ts';
import { gnuLong, paxHeader, tarDirectory, tarHardLink, tarSymlink, tarball } from '../support/tar.ts';

test(
  'mutated archives are extracted or refused, and never touch anything outside',
  { timeout: 60_000 },
  async () => {
    await using place = await extractionPlace();
    const random = seededRandom(20_261_121);
    const seeds = [
      tarball(
        tarDirectory('d/'),
        { name: 'd/a', content: 'x'.repeat(600) },
        paxHeader({ path: 'd/päx', mtime: '1.5', size: '3' }),
        { content: 'abc' },
        gnuLong('L', 'd/' + 'long'.repeat(60)),
        { content: 'long' },
        gnuLong('K', 'a'.repeat(150)),
        tarSymlink('d/l', 'x'),
        tarHardLink('d/h', 'd/a'),
        { name: 'pipe', type: '6' },
      ),
    ] as const;
    const outside = Object.entries(await place.look()).filter(([name]) => !name.startsWith('target'));
    const seen = { extracted: 0, refused: 0 };
    for (let iteration = 0; iteration < 600; iteration += 1) {
      const target = join(place.target, String(iteration));
      const bytes = mutated(random, random.pick(seeds));
      try {
        await place.extract(bytes, { directory: target });
        seen.extracted += 1;
      } catch (error) {
        expect(error, `iteration ${iteration}`).toMatchObject({
          code: expect.stringMatching(/^(?:INVALID_ARCHIVE|BODY_TOO_LARGE|ENAMETOOLONG)$/),
        });
        expect(readdirSync(place.target), `iteration ${iteration}`).not.toContain(String(iteration));
        seen.refused += 1;
      }
    }
    const after = await place.look();
    expect(Object.entries(after).filter(([name]) => !name.startsWith('target'))).toEqual(outside);
    expect(Object.keys(after).filter((name) => name.includes('.execd-upload'))).toEqual([]);
    expect(seen.extracted).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(50);
  },
);

/** A few bytes changed, blocks exchanged, doubled or taken out; checksums right again in most headers. */
function mutated(random: ReturnType<typeof seededRandom>, seed: Buffer): Buffer {
  const blocks = Array.from({ length: seed.length / 512 }, (_, index) =>
    Buffer.from(seed.subarray(index * 512, (index + 1) * 512)),
  );
  const FIELDS = [0, 1, 2, 100, 108, 124, 125, 134, 136, 148, 156, 157, 158, 257, 345] as const;
  const VALUES = [0, 0x20, 0x2e, 0x2f, 0x30, 0x31, 0x35, 0x37, 0x78, 0x80, 0xff] as const;
  for (let change = random.below(3); change >= 0; change -= 1) {
    const index = random.below(blocks.length);
    const block = blocks[index] ?? Buffer.alloc(512);
    const kind = random.below(10);
    if (kind < 6) block[random.pick(FIELDS)] = random.pick(VALUES);
    else if (kind < 7) block.write(random.pick(['../x', '/x', './', 'd/../..', 'd/l/x', '..', 'x\0y']), 0);
    else if (kind < 8) block.write(random.pick(['../x', '/etc', '..', 'd/a', '']), 157);
    else if (kind < 9) blocks.splice(index, 1);
    else blocks.splice(random.below(blocks.length), 0, Buffer.from(block));
  }
  const changed = blocks.map((block) =>
    block.subarray(257, 262).toString() === 'ustar' && random.below(20) > 0 ? resummed(block) : block,
  );
  return Buffer.concat(changed);
}

function resummed(block: Buffer): Buffer {
  const copy = Buffer.from(block).fill(' ', 148, 156);
  const sum = copy.reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return copy;
}
