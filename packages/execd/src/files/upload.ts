import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { uploadMetadata } from '../contract/file-fields.ts';
import type { UploadMetadata } from '../contract/file-fields.ts';
import { fileFailure } from '../filesystem/file-failure.ts';
import type { FilePaths } from '../filesystem/file-paths.ts';
import { resolvePermission } from '../filesystem/permission.ts';
import { StagedBatch } from '../filesystem/staged-batch.ts';
import type { Staging } from '../filesystem/staging.ts';
import type { StagedFile } from '../filesystem/staged-file.ts';
import { SpooledFile } from './spooled-file.ts';

/** One metadata part may have this many bytes. */
const METADATA_BYTES = 64 * 1024;

/** A part of the form, as its headers describe it. */
export interface FormPart {
  readonly name: string | undefined;
  readonly filename: string | undefined;
}

/** Takes the bytes of the part that is being read. */
interface PartSink {
  write(bytes: Buffer): void | Promise<void>;
  end(): void | Promise<void>;
}

const IGNORED: PartSink = { write: () => undefined, end: () => undefined };

/**
 * The files of one upload (contract §7.7). The i-th metadata part belongs to the i-th file part, in whatever order they
 * come; bytes go to disk as they come. `finish` puts all files into place; disposing before that leaves nothing behind.
 * Throws the contract's 400s, and the failures of the system.
 */
export class Upload implements AsyncDisposable {
  readonly #paths: FilePaths;
  readonly #staging: Staging;
  readonly #batch: StagedBatch;
  readonly #metadata: UploadMetadata[] = [];
  /** Files that came before their metadata, by their number. */
  readonly #early = new Map<number, SpooledFile>();
  #files = 0;
  #sink: PartSink = IGNORED;

  constructor(paths: FilePaths, staging: Staging) {
    this.#paths = paths;
    this.#staging = staging;
    this.#batch = new StagedBatch(staging);
  }

  /** A part begins. A file part needs a file name; without one it is a plain field, which nobody asked for. */
  begin({ name, filename }: FormPart): void | Promise<void> {
    if (name === 'metadata') this.#sink = this.#metadataSink();
    else if (name === 'file' && filename !== undefined) return this.#beginFile(this.#files++);
    else this.#sink = IGNORED;
  }

  /** The next bytes of the part, which are the caller's again when the promise, if there is one, has settled. */
  data(bytes: Buffer): void | Promise<void> {
    return this.#sink.write(bytes);
  }

  end(): void | Promise<void> {
    return this.#sink.end();
  }

  /** The form is complete. */
  async finish(): Promise<void> {
    const pairs = this.#metadata.length;
    if (pairs === 0) throw badForm('INVALID_FILE_METADATA', 'metadata file is missing');
    if (this.#files === 0) throw badForm('INVALID_FILE_CONTENT', 'file is missing');
    if (pairs !== this.#files) {
      throw badForm('INVALID_FILE', `metadata and file count mismatch: ${pairs} vs ${this.#files}`);
    }
    for (const [number, spooled] of this.#early) {
      const sink = await this.#stage(number);
      for await (const chunk of spooled.chunks()) await sink.write(chunk);
      await sink.end();
    }
    try {
      await this.#batch.commit();
    } catch (error) {
      throw fileFailure(error, 'error writing files');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const spooled of this.#early.values()) await spooled[Symbol.asyncDispose]();
    await this.#batch[Symbol.asyncDispose]();
  }

  #metadataSink(): PartSink {
    const chunks: Buffer[] = [];
    let size = 0;
    return {
      write: (bytes) => {
        size += bytes.length;
        if (size > METADATA_BYTES) throw badMetadata(`more than ${METADATA_BYTES} bytes`);
        chunks.push(Buffer.from(bytes));
      },
      end: () => void this.#metadata.push(parseMetadata(Buffer.concat(chunks))),
    };
  }

  #beginFile(number: number): void | Promise<void> {
    const sink = number < this.#metadata.length ? this.#stage(number) : this.#spool(number);
    if (!(sink instanceof Promise)) this.#sink = sink;
    else {
      return sink.then((opened) => {
        this.#sink = opened;
      });
    }
  }

  async #spool(number: number): Promise<PartSink> {
    const spooled = await SpooledFile.create(this.#staging);
    this.#early.set(number, spooled);
    return spooled;
  }

  /** Writes to the place that the metadata of that number names. */
  #stage(number: number): PartSink | Promise<PartSink> {
    const metadata = this.#metadata[number];
    const given = metadata?.path ?? '';
    const path = this.#paths.literal(given, 'target');
    if (given.endsWith('/'))
      throw new ServiceError('internal', 'RUNTIME_ERROR', `open ${given}: is a directory`);
    const attributes = resolvePermission(metadata ?? {}, `error chmoding file ${path}. `);
    const context = `error writing file ${path}`;
    const sinkOf = (staged: StagedFile): PartSink => ({
      write: (bytes) => within(context, () => staged.write(bytes)),
      end: () => within(context, () => this.#batch.seal(staged)),
    });
    const staged = within(context, () => this.#batch.stage({ path, attributes }));
    return staged instanceof Promise ? staged.then(sinkOf) : sinkOf(staged);
  }
}

/** Failures of the system, thrown or rejected, as failures of the request. */
function within<T>(context: string, work: () => T | Promise<T>): T | Promise<T> {
  try {
    const result = work();
    if (!(result instanceof Promise)) return result;
    return result.catch((error: unknown) => {
      throw fileFailure(error, context);
    });
  } catch (error) {
    throw fileFailure(error, context);
  }
}

function parseMetadata(bytes: Buffer): UploadMetadata {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (error) {
    throw badMetadata(error instanceof Error ? error.message : String(error));
  }
  const result = uploadMetadata.safeParse(value);
  if (!result.success) throw badMetadata(result.error.issues[0]?.message ?? 'invalid');
  if (!result.data.path) throw badForm('INVALID_FILE_METADATA', 'metadata path is empty');
  return result.data;
}

function badMetadata(reason: string): ServiceError {
  return badForm('INVALID_FILE_METADATA', `invalid metadata format. ${reason}`);
}

function badForm(
  code: 'INVALID_FILE' | 'INVALID_FILE_CONTENT' | 'INVALID_FILE_METADATA',
  message: string,
): ServiceError {
  return new ServiceError('invalid-argument', code, message);
}
