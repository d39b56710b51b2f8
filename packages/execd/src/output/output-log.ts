import { LOG_START, positionAfter } from './log-entry.ts';
import type { LogEntry, LogPosition } from './log-entry.ts';
import type { OutputBlock } from './output-block.ts';
import { OutputReader } from './output-reader.ts';
import type { LogSource } from './output-reader.ts';
import { Spool } from './spool.ts';
import type { SpoolDirectory, SpoolOrigin, SpoolSegment } from './spool.ts';

/** Bytes that wait for the disk before `append` asks its caller to slow down. */
const PRESSURE_BYTES = 8 * 1024 * 1024;
const WRITE_BATCH_BYTES = 1024 * 1024;
/** What a block costs in memory beside its bytes: small blocks must not slip past the limits. */
const ENTRY_OVERHEAD_BYTES = 512;

/** What a log needs from the space that all logs share. */
export interface LogSpace {
  readonly directory: SpoolDirectory;
  /** How much one log may keep in memory now, bytes. */
  memoryLimit(): number;
  /** Called after the memory of a log or what it retains in memory and on disk changed, by so many bytes. */
  usageChanged(memoryDelta: number, retainedDelta: number): void;
  /** Called when the disk refused a write; from then on the log keeps what fits into memory. */
  spoolFailed(error: unknown): void;
}

/** What came before the first block that will be appended: on disk, or lost. */
export interface LogPast extends SpoolOrigin {
  readonly end: LogPosition;
}

const NO_PAST: LogPast = { segments: [], stderrBytes: 0, end: LOG_START };

/**
 * An append-only log of output blocks that any number of readers follow, each from its own position. The newest blocks
 * are in memory, older ones on disk; what was dropped from the start is gone for good and shows in `start`.
 */
export class OutputLog implements LogSource, AsyncDisposable {
  readonly #space: LogSpace;
  readonly #spool: Spool;
  // Arrays, not Sets: most logs never have more than one of each, and finished ones are kept by the thousand.
  #readers: OutputReader[] = [];
  #memory: LogEntry[] = [];
  #memoryBytes = 0;
  /** Sequence of the first block that is not on disk yet. */
  #unwrittenSequence = 0;
  #unwrittenBytes = 0;
  #reported = { memory: 0, retained: 0 };
  #end: LogPosition;
  #closed = false;
  #disposed = false;
  #diskFailed = false;
  #wakeUps: (() => void)[] = [];
  #writeLoop: Promise<void> | undefined;
  #flushAll = false;
  #pressure: PromiseWithResolvers<void> | undefined;

  /** `past` is what the log goes on from. */
  constructor(space: LogSpace, name: string, past: LogPast = NO_PAST) {
    this.#space = space;
    this.#spool = new Spool(space.directory, name, past);
    this.#end = past.end;
    this.#unwrittenSequence = past.end.sequence;
    this.#reportUsage();
  }

  /** Where the oldest block that can still be read begins. */
  get start(): LogPosition {
    return this.#spool.segments[0]?.start ?? this.#memory[0]?.position ?? this.#end;
  }

  /** Behind the newest block. */
  get end(): LogPosition {
    return this.#end;
  }

  /** No block will follow. */
  get closed(): boolean {
    return this.#closed;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get diskBytes(): number {
    return this.#spool.bytes;
  }

  get segments(): readonly SpoolSegment[] {
    return this.#spool.segments;
  }

  /** Pending while the disk is slower than the writer; the writer should wait for it before the next append. */
  get pressure(): Promise<void> | undefined {
    return this.#pressure?.promise;
  }

  /** Adds blocks at the end and wakes the readers. */
  append(blocks: readonly OutputBlock[]): void {
    let added = 0;
    for (const block of blocks) {
      const entry = { position: this.#end, block };
      this.#memory.push(entry);
      this.#end = positionAfter(entry);
      added += memoryCost(block);
    }
    this.#memoryBytes += added;
    this.#unwrittenBytes += added;
    this.#reportUsage();
    this.#wake();
    this.#relieveMemory();
  }

  /** Counts bytes as lost that come before the first block. False when there is a block already. */
  skip(bytes: number): boolean {
    if (this.#memory.length > 0 || this.#spool.segments.length > 0) return false;
    const { sequence, events, offset } = this.#end;
    this.#end = { sequence: Math.max(1, sequence), events: events + bytes, offset: offset + bytes };
    this.#unwrittenSequence = this.#end.sequence;
    return true;
  }

  /** Ends the log: readers that reach the end are done. */
  close(): void {
    this.#closed = true;
    this.#wake();
    // A log that outgrew the room while it ran can be evicted from now on.
    this.#space.usageChanged(0, 0);
    void this.#sealWhenWritten();
  }

  /** A reader that starts with the block holding output event number `afterEvents` + 1. */
  readAfterEvents(afterEvents: number): OutputReader {
    return this.#attach(
      (position) => position.events <= afterEvents,
      (entry) => entry.position.events + entry.block.eventCount > afterEvents,
    );
  }

  /** A reader that starts with the block holding the byte at `offset`. */
  readFromOffset(offset: number): OutputReader {
    return this.#attach(
      (position) => position.offset <= offset,
      (entry) => entry.position.offset + entry.block.bytes.length > offset,
    );
  }

  /** Moves every block to the disk and frees the memory. */
  async spill(): Promise<void> {
    if (this.#diskFailed) return;
    this.#flushAll = true;
    this.#startWriting();
    await this.#writeLoop;
    this.#flushAll = false;
    if (this.#closed) await this.#spool.seal();
  }

  /** Whether somebody is reading. */
  get hasReaders(): boolean {
    return this.#readers.length > 0;
  }

  /**
   * Gives back the oldest segment; unless `force`, only when no reader still needs it. The newest one stays. Returns
   * the bytes that this freed.
   */
  async dropOldestSegment(force: boolean): Promise<number> {
    const segment = this.#spool.segments[0];
    if (!segment || this.#spool.segments.length < 2) return 0;
    for (const reader of this.#readers) {
      if (!force && reader.sequence < segment.end.sequence) return 0;
    }
    await this.#spool.dropOldest();
    this.#reportUsage();
    return segment.bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.close();
    for (const reader of this.#readers) await reader[Symbol.asyncDispose]();
    await this.#writeLoop;
    this.#memory = [];
    this.#memoryBytes = 0;
    this.#unwrittenBytes = 0;
    await this.#spool[Symbol.asyncDispose]();
    this.#reportUsage();
  }

  /** The blocks in memory from `sequence` on, `limitBytes` of them or a little more; undefined when they are not there. */
  memoryFrom(sequence: number, limitBytes: number): LogEntry[] | undefined {
    const first = this.#memory[0];
    if (!first) return sequence >= this.#end.sequence ? [] : undefined;
    if (sequence < first.position.sequence) return undefined;
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let index = sequence - first.position.sequence; index < this.#memory.length; index += 1) {
      const entry = this.#memory[index];
      if (!entry || bytes >= limitBytes) break;
      entries.push(entry);
      bytes += entry.block.bytes.length;
    }
    return entries;
  }

  /** Calls back once, at the next append or close. */
  onChange(callback: () => void): void {
    this.#wakeUps.push(callback);
  }

  /** Calls off `onChange`. */
  offChange(callback: () => void): void {
    this.#wakeUps = this.#wakeUps.filter((other) => other !== callback);
  }

  detach(reader: OutputReader): void {
    this.#readers = this.#readers.filter((other) => other !== reader);
  }

  /** Starts at the last known place that is not too far, and skips from there to the first wanted entry. */
  #attach(notTooFar: (position: LogPosition) => boolean, wanted: (entry: LogEntry) => boolean): OutputReader {
    const newest = this.#memory[0]?.position;
    const segment = this.#spool.segments.findLast(({ start }) => notTooFar(start));
    const from = newest && notTooFar(newest) ? newest : (segment?.start ?? this.start);
    const reader = new OutputReader(this, from.sequence, wanted);
    this.#readers.push(reader);
    return reader;
  }

  #wake(): void {
    const wakeUps = this.#wakeUps;
    if (wakeUps.length === 0) return;
    this.#wakeUps = [];
    for (const wakeUp of wakeUps) wakeUp();
  }

  #relieveMemory(): void {
    const limit = this.#space.memoryLimit();
    if (this.#memoryBytes <= limit) return;
    this.#forgetWritten(limit);
    if (this.#memoryBytes <= limit) return;
    if (this.#diskFailed) {
      this.#forgetAny(limit);
      return;
    }
    if (this.#unwrittenBytes > PRESSURE_BYTES) this.#pressure ??= Promise.withResolvers();
    this.#startWriting();
  }

  /** Drops blocks that are on disk from memory, oldest first. */
  #forgetWritten(limit: number): void {
    this.#forget(limit, (entry) => entry.position.sequence < this.#unwrittenSequence);
  }

  /** Without a disk the oldest blocks are lost. */
  #forgetAny(limit: number): void {
    this.#forget(limit, () => true);
    this.#unwrittenSequence = Math.max(this.#unwrittenSequence, this.#memory[0]?.position.sequence ?? 0);
    this.#unwrittenBytes = this.#memoryBytes;
  }

  #forget(limit: number, allowed: (entry: LogEntry) => boolean): void {
    let count = 0;
    let freed = 0;
    for (const entry of this.#memory) {
      if (this.#memoryBytes - freed <= limit || !allowed(entry)) break;
      freed += memoryCost(entry.block);
      count += 1;
    }
    if (count === 0) return;
    this.#memory.splice(0, count);
    this.#memoryBytes -= freed;
    this.#reportUsage();
  }

  #startWriting(): void {
    this.#writeLoop ??= this.#writeUntilRelieved().finally(() => {
      this.#writeLoop = undefined;
      this.#pressure?.resolve();
      this.#pressure = undefined;
    });
  }

  async #writeUntilRelieved(): Promise<void> {
    for (;;) {
      const batch = this.#nextBatch();
      if (batch.length === 0 || this.#disposed) return;
      try {
        await this.#spool.write(batch);
      } catch (error) {
        await this.#loseDisk(error);
        return;
      }
      this.#noteWritten(batch);
      const limit = this.#flushAll ? 0 : this.#space.memoryLimit();
      this.#forgetWritten(limit);
      if (this.#unwrittenBytes < PRESSURE_BYTES / 2) this.#releasePressure();
      if (this.#memoryBytes <= limit) return;
    }
  }

  #nextBatch(): LogEntry[] {
    const first = this.#memory[0]?.position.sequence ?? 0;
    const batch: LogEntry[] = [];
    let bytes = 0;
    for (let index = this.#unwrittenSequence - first; index < this.#memory.length; index += 1) {
      const entry = this.#memory[index];
      if (!entry || bytes >= WRITE_BATCH_BYTES) break;
      batch.push(entry);
      bytes += entry.block.bytes.length;
    }
    return batch;
  }

  #noteWritten(batch: readonly LogEntry[]): void {
    for (const { block } of batch) this.#unwrittenBytes -= memoryCost(block);
    this.#unwrittenSequence += batch.length;
    this.#reportUsage();
  }

  #releasePressure(): void {
    this.#pressure?.resolve();
    this.#pressure = undefined;
  }

  /** What is on disk no longer connects to what is in memory, so it goes. */
  async #loseDisk(error: unknown): Promise<void> {
    this.#diskFailed = true;
    this.#space.spoolFailed(error);
    await this.#spool[Symbol.asyncDispose]();
    this.#forgetAny(this.#space.memoryLimit());
    this.#reportUsage();
  }

  /** A finished log holds no file open. */
  async #sealWhenWritten(): Promise<void> {
    await this.#writeLoop;
    await this.#spool.seal();
  }

  /** A block that is in memory and on disk counts once among what is retained. */
  #reportUsage(): void {
    const memory = this.#memoryBytes;
    const retained = this.#unwrittenBytes + this.#spool.bytes;
    const before = this.#reported;
    this.#reported = { memory, retained };
    this.#space.usageChanged(memory - before.memory, retained - before.retained);
  }
}

function memoryCost(block: OutputBlock): number {
  return block.bytes.length + ENTRY_OVERHEAD_BYTES;
}
