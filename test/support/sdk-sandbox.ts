import { Sandbox, SandboxManager } from '@alibaba-group/opensandbox';
import type { SandboxCreateOptions } from '@alibaba-group/opensandbox';
import type { DevPod } from './dev-pod.ts';

/** A sandbox as the official SDK made it. Disposing it closes its connections and, when it was created here, kills it. */
export interface SdkSandbox extends AsyncDisposable {
  readonly sandbox: Sandbox;
}

/** A new sandbox of this dev-pod. */
export async function createSandbox(
  pod: DevPod,
  options: Partial<SandboxCreateOptions> = {},
): Promise<SdkSandbox> {
  const sandbox = await Sandbox.create({
    image: 'any',
    connectionConfig: { domain: pod.domain },
    ...options,
  });
  return {
    sandbox,
    async [Symbol.asyncDispose]() {
      await sandbox.kill();
      await sandbox.close();
    },
  };
}

/** Another client of a sandbox that is there. */
export async function connectSandbox(pod: DevPod, sandboxId: string): Promise<SdkSandbox> {
  const sandbox = await Sandbox.connect({ sandboxId, connectionConfig: { domain: pod.domain } });
  return { sandbox, [Symbol.asyncDispose]: () => sandbox.close() };
}

/** The SDK's client for all sandboxes of this dev-pod; it is closed at disposal. */
export function sandboxManager(pod: DevPod): AsyncDisposable & { readonly manager: SandboxManager } {
  const manager = SandboxManager.create({ connectionConfig: { domain: pod.domain } });
  return { manager, [Symbol.asyncDispose]: () => manager.close() };
}

/** The texts of a stream's events. */
export function texts(messages: readonly { readonly text: string }[]): string[] {
  return messages.map(({ text }) => text);
}
