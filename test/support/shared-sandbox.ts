import type { SandboxCreateOptions } from '@alibaba-group/opensandbox';
import { afterAll, beforeAll } from 'vitest';
import { startDevPod } from './dev-pod.ts';
import type { DevPod } from './dev-pod.ts';
import { connectSandbox, createSandbox } from './sdk-sandbox.ts';
import type { SdkSandbox } from './sdk-sandbox.ts';

/** A dev-pod for all tests of a file. */
export interface SharedSandbox {
  /** Connects to its one sandbox. Each test does so by itself, so that its connections are its own. */
  connect(this: void): Promise<SdkSandbox>;
  /** One more sandbox, with settings of its own. */
  create(this: void, options?: Partial<SandboxCreateOptions>): Promise<SdkSandbox>;
}

/** Starts it before the first test and ends it behind the last. */
export function sharedSandbox(): SharedSandbox {
  let pod: DevPod;
  let sandboxId: string;
  beforeAll(async () => {
    pod = await startDevPod();
    const { sandbox } = await createSandbox(pod);
    sandboxId = sandbox.id;
    await sandbox.close();
  });
  afterAll(() => pod[Symbol.asyncDispose]());
  return {
    connect: () => connectSandbox(pod, sandboxId),
    create: (options) => createSandbox(pod, options),
  };
}
