import type { Stats } from 'node:fs';
import { basename } from 'node:path';
import { fileCalls } from '../filesystem/file-calls.ts';
import { fileNotFound, notRegular } from '../filesystem/file-failure.ts';
import { walk } from '../filesystem/walk.ts';
import { ArchiveWriter } from './archive-writer.ts';
import { BlockOutput } from './block-output.ts';
import type { ByteSink } from './byte-sink.ts';
import type { MemberFilter } from './member-filter.ts';

/** What is to be archived: a directory with all below it, or one file. */
export interface ArchiveSource {
  /** Absolute and clean. */
  readonly path: string;
  readonly isDirectory: boolean;
}

/** Looks what is there, links followed. Throws 404 for nothing, 400 for a socket, pipe or device. */
export async function archiveSource(path: string): Promise<ArchiveSource> {
  const stats: Stats | undefined = await fileCalls().stat(path);
  if (!stats) throw fileNotFound(`file not found: ${path}`);
  if (!stats.isFile() && !stats.isDirectory()) throw notRegular(path, stats);
  return { path, isDirectory: stats.isDirectory() };
}

/**
 * Writes a tar archive of the source to the sink, at the sink's pace and in constant memory. Gives how many entries were
 * left out because they could not be read or are neither file, directory nor link. Rejects with the system's error,
 * before anything was written, when the source itself cannot be read, and with the signal's reason.
 */
export async function writeArchive(
  source: ArchiveSource,
  filter: MemberFilter,
  sink: ByteSink,
  signal: AbortSignal,
): Promise<number> {
  const writer = new ArchiveWriter(new BlockOutput(sink), filter, fileCalls(), signal);
  let unreadable = 0;
  if (source.isDirectory) {
    ({ skipped: unreadable } = await walk(source.path, writer, { signal }));
  } else {
    await writer.addSingle(source.path, basename(source.path));
  }
  await writer.end();
  return writer.skipped + unreadable;
}
