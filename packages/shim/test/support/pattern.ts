import type { SpawnRequest } from '../../src/frames.ts';
import { script } from './requests.ts';

/** A prime, so that a lost or repeated block of any usual size shifts everything behind it. */
const PERIOD = 4099;
const LINE = Buffer.from(`${'0123456789abcdef'.repeat(PERIOD).slice(0, PERIOD - 1)}\n`);
const EXPECTED = Buffer.concat(Array.from({ length: 300 }, () => LINE));

/** Asks for a process that writes so many bytes of the pattern. */
export function patternRequest(bytes: number): SpawnRequest {
  return script(`yes "$0" | head -c ${bytes}`, {}, LINE.toString().trimEnd());
}

/** Compares the pieces of an output with the pattern as they come. */
export class PatternCheck {
  bytes: number;
  isRight = true;

  /** Begins where so many bytes of the pattern are missing. */
  constructor(missing = 0) {
    this.bytes = missing;
  }

  take(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      const start = this.bytes % PERIOD;
      const length = Math.min(piece.length - at, EXPECTED.length - start);
      if (EXPECTED.compare(piece, at, at + length, start, start + length) !== 0) this.isRight = false;
      at += length;
      this.bytes += length;
    }
  }
}
