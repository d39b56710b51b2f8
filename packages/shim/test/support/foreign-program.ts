import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file with a 32-bit program for x86 that waits for ever; removed at disposal. */
export function foreignProgram(): Disposable & { readonly path: string } {
  const directory = mkdtempSync(join(tmpdir(), 'shim-foreign.'));
  const path = join(directory, 'foreign');
  writeFileSync(path, elf(Buffer.from([...PAUSE, ...JUMP_BACK])));
  chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

/** `mov eax, 29; int 0x80`: pause(2). */
const PAUSE = [0xb8, 29, 0, 0, 0, 0xcd, 0x80];
/** `jmp` to the start. */
const JUMP_BACK = [0xeb, 0x100 - PAUSE.length - 2];

const BASE = 0x08048000;
const HEADER_BYTES = 52;
const SEGMENT_BYTES = 32;
const CODE = HEADER_BYTES + SEGMENT_BYTES;

/** The least that Linux executes: a header, one segment, and the code (elf(5)). */
function elf(code: Buffer): Buffer {
  const size = CODE + code.length;
  const file = Buffer.alloc(size);
  // 32 bits, little-endian, version 1.
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  // Executable, for x86.
  [2, 3].forEach((half, at) => file.writeUInt16LE(half, 16 + 2 * at));
  [1, BASE + CODE, HEADER_BYTES, 0, 0].forEach((word, at) => file.writeUInt32LE(word, 20 + 4 * at));
  [HEADER_BYTES, SEGMENT_BYTES, 1].forEach((half, at) => file.writeUInt16LE(half, 40 + 2 * at));
  // Loaded whole, readable and executable.
  [1, 0, BASE, BASE, size, size, 5, 0x1000].forEach((word, at) =>
    file.writeUInt32LE(word, HEADER_BYTES + 4 * at),
  );
  code.copy(file, CODE);
  return file;
}
