import { expect } from 'vitest';
import type { SandboxFiles } from '@alibaba-group/opensandbox';
import type { SdkSandbox } from './sdk-sandbox.ts';

/** The file calls of a sandbox and an empty directory in it, which goes away with the sandbox. */
export interface SdkDirectory {
  readonly files: SandboxFiles;
  readonly path: string;
}

/** Makes a new directory below the sandbox's working directory. */
export async function directoryIn({ sandbox }: SdkSandbox): Promise<SdkDirectory> {
  const { logs } = await sandbox.commands.run('mktemp -d "$PWD/files.XXXXXX"');
  return { files: sandbox.files, path: String(logs.stdout[0]?.text) };
}

/** The chunks of a stream, put together. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const collected: Uint8Array[] = [];
  for await (const chunk of chunks) collected.push(chunk);
  return Buffer.concat(collected);
}

/**
 * How the SDK rejects an upload or a download: a message of its own and the answer's body as text. Its other calls
 * carry the code and the message of the answer.
 */
export function rejectedTransfer(message: string, statusCode: number, code: string): Record<string, unknown> {
  return {
    name: 'SandboxApiException',
    message,
    statusCode,
    error: { code: 'UNEXPECTED_RESPONSE' },
    rawBody: expect.stringContaining(`"code":"${code}"`) as string,
  };
}

/** How the SDK rejects all the other calls. */
export function rejected(statusCode: number, code: string, message: string): Record<string, unknown> {
  return { name: 'SandboxApiException', message, statusCode, error: { code, message } };
}
