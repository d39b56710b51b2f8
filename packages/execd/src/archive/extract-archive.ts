import { fileCalls } from '../filesystem/file-calls.ts';
import { StagedBatch } from '../filesystem/staged-batch.ts';
import type { Staging } from '../filesystem/staging.ts';
import { TimeSlice } from '../os/time-slice.ts';
import { archiveBytes } from './archive-bytes.ts';
import { ArchiveExtraction } from './archive-extraction.ts';
import type { ExtractionOptions, ExtractionSummary } from './archive-extraction.ts';
import { TarReader } from './tar-reader.ts';

/**
 * Extracts a tar archive, packed with gzip or not, into a directory. Nothing but new directories shows before the last
 * byte was read and found right; when it is not, nothing has changed. Files are replaced one by one, each of them
 * atomically, directories that exist are merged and stay as they are. Throws `INVALID_ARCHIVE`, `BODY_TOO_LARGE`, the
 * system's errors, and what the source throws.
 */
export async function extractArchive(
  source: AsyncIterable<Buffer>,
  options: ExtractionOptions,
  staging: Staging,
): Promise<ExtractionSummary> {
  await using reader = new TarReader(archiveBytes(source));
  await using batch = new StagedBatch(staging);
  const extraction = new ArchiveExtraction(options, batch, fileCalls());
  const slice = new TimeSlice();
  await extraction.open();
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    await extraction.take(entry, reader);
    const pause = slice.pause();
    if (pause) await pause;
  }
  await batch.commit();
  await extraction.finishDirectories();
  return extraction.summary;
}
