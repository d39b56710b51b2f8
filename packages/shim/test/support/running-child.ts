import type { ChildExit, OutputStream } from '../../src/replies.ts';
import type { OutputSink, ShimChild } from '../../src/shim-child.ts';
import { inTime, until } from './until.ts';

/** Records output in the order in which it comes. */
export class OutputRecord {
  readonly pieces: { readonly stream: OutputStream; readonly bytes: Buffer }[] = [];
  readonly sink: OutputSink = (stream, bytes) => {
    this.pieces.push({ stream, bytes: Buffer.from(bytes) });
    return undefined;
  };

  bytes(stream?: OutputStream): Buffer {
    const wanted = this.pieces.filter((piece) => stream === undefined || piece.stream === stream);
    return Buffer.concat(wanted.map((piece) => piece.bytes));
  }

  text(stream?: OutputStream): string {
    return this.bytes(stream).toString();
  }

  /** The complete lines of stdout. */
  lines(): string[] {
    return this.text('stdout').split('\n').slice(0, -1);
  }
}

/** What became of a child that ran to its end. */
export interface FinishedChild {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: ChildExit;
}

/** A child whose output is recorded. */
export class RunningChild {
  readonly child: ShimChild;
  readonly pid: number;
  readonly output: OutputRecord;

  constructor(child: ShimChild, pid: number, output: OutputRecord) {
    this.child = child;
    this.pid = pid;
    this.output = output;
  }

  /** Waits until stdout has that many lines; gives them. */
  async printed(lines: number): Promise<string[]> {
    await until(() => this.output.lines().length >= lines);
    return this.output.lines();
  }

  /** As `printed`, for process ids. */
  async printedPids(count: number): Promise<number[]> {
    return (await this.printed(count)).map(Number);
  }

  /** Waits for the end, then releases the child. */
  async finish(): Promise<FinishedChild> {
    const exit = await inTime(this.child.exited);
    this.child.release();
    return { stdout: this.output.text('stdout'), stderr: this.output.text('stderr'), exit };
  }
}
