import { archives } from './files/archives.ts';
import { largeDownload, smallDownloads } from './files/downloads.ts';
import { largeUpload } from './files/large-upload.ts';
import { search } from './files/search.ts';
import { smallUploads } from './files/small-uploads.ts';
import { uploadMemory } from './files/upload-memory.ts';
import { watch } from './files/watch.ts';
import type { Scenario } from './scenario.ts';

/** The file and directory calls in the order of the table: large and small, both ways, trees, memory, watching. */
export const FILE_SCENARIOS: readonly Scenario[] = [
  largeDownload,
  smallDownloads,
  largeUpload,
  smallUploads,
  archives,
  search,
  uploadMemory,
  watch,
];
