/** Takes bytes one chunk after the other. */
export interface ByteSink {
  /** Resolves when the chunk may be written over. Rejects when nobody takes bytes any more. */
  write(chunk: Buffer): Promise<void>;
}
