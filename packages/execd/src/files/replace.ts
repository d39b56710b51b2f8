import { realpath } from 'node:fs/promises';
import { fileFailure, invalidRequest } from '../filesystem/file-failure.ts';
import { UNCHANGED } from '../filesystem/permission.ts';
import { StagedBatch } from '../filesystem/staged-batch.ts';
import type { StagedFile } from '../filesystem/staged-file.ts';
import type { Staging } from '../filesystem/staging.ts';
import { fileChunks } from './file-chunks.ts';
import { openFile } from './open-file.ts';
import type { ReplaceRequest } from './schema.ts';
import { TextReplacement } from './text-replacement.ts';

/** How often something was replaced in each file, under the path as it was given. */
export type ReplaceCounts = Record<string, { replacedCount: number }>;

/**
 * Replaces every occurrence of a text in each file (contract §7.6). All results are staged before the first is put into
 * place. A file without an occurrence is written anew too. Memory does not depend on the size of the files. Throws 404
 * for a missing file, 400 for an empty text and for what is no file.
 */
export async function replaceIn(
  edits: ReplaceRequest,
  resolve: (path: string) => string,
  staging: Staging,
): Promise<ReplaceCounts> {
  const counts: ReplaceCounts = {};
  // Two edits of one file: the second starts from what the first made of it.
  const results = new Map<string, string>();
  await using batch = new StagedBatch(staging);
  for (const [path, edit] of Object.entries(edits)) {
    const target = await followed(resolve(path));
    const replacement = new TextReplacement(edit.old, edit.new);
    try {
      const staged = await replaceOne(target, results.get(target) ?? target, replacement, batch);
      results.set(target, staged.path);
    } catch (error) {
      throw fileFailure(error, `error replacing content in ${path}`);
    }
    counts[path] = { replacedCount: replacement.count };
  }
  try {
    await batch.commit();
  } catch (error) {
    throw fileFailure(error, 'error replacing content');
  }
  return counts;
}

/** Two names of one file are one file. */
async function followed(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}

async function replaceOne(
  target: string,
  source: string,
  replacement: TextReplacement,
  batch: StagedBatch,
): Promise<StagedFile> {
  using file = await openFile(source);
  if (replacement.isEmpty) throw invalidRequest('old content must not be empty');
  const staged = await batch.stage({ path: target, attributes: UNCHANGED });
  for await (const chunk of fileChunks(file.descriptor)) {
    for (const bytes of replacement.push(chunk)) await staged.write(bytes);
  }
  await staged.write(replacement.finish());
  await batch.seal(staged);
  return staged;
}
