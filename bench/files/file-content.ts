import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes. */
export const KIBIBYTE = 1024;
/** Bytes. */
export const MEBIBYTE = 1024 * KIBIBYTE;

/** Writes a file in which no two mebibytes are the same. */
export async function writeLargeFile(path: string, mebibytes: number, signal: AbortSignal): Promise<void> {
  const block = randomBytes(MEBIBYTE);
  await using file = await open(path, 'wx');
  for (let index = 0; index < mebibytes; index += 1) {
    signal.throwIfAborted();
    block.writeUInt32LE(index);
    await file.writeFile(block);
  }
}

/** Makes a directory of files that differ in content and have the same size; its files' paths, in order. */
export function writeSmallFiles(directory: string, count: number, bytesEach: number): readonly string[] {
  mkdirSync(directory, { recursive: true });
  const paths = Array.from({ length: count }, (_, index) => join(directory, smallFileName(index)));
  for (const path of paths) writeFileSync(path, Buffer.alloc(bytesEach, `${path}\n`), { flag: 'wx' });
  return paths;
}

/** So many directories, each with so many files. */
export interface TreeShape {
  readonly directories: number;
  readonly filesPerDirectory: number;
  readonly bytesPerFile: number;
}

/** Makes a tree of small files; the paths of its directories. */
export function writeTree(root: string, shape: TreeShape, signal: AbortSignal): readonly string[] {
  const names = Array.from({ length: shape.directories }, (_, index) => `dir-${numbered(index)}`);
  return names.map((name) => {
    signal.throwIfAborted();
    const directory = join(root, name);
    writeSmallFiles(directory, shape.filesPerDirectory, shape.bytesPerFile);
    return directory;
  });
}

/** The first one of a hundred has a name that a search can ask for. */
function smallFileName(index: number): string {
  return `file-${numbered(index)}.${index % 100 === 0 ? 'ts' : 'txt'}`;
}

function numbered(index: number): string {
  return String(index).padStart(6, '0');
}
