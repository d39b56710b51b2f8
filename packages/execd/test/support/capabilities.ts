import { expect } from 'vitest';
import { refusal } from './commands.ts';
import type { ExecdClient } from './execd-client.ts';

/** What GET /capabilities tells of how commands are started. */
export interface LauncherInForce {
  readonly in_force: 'shim' | 'child_process';
  readonly reason: string;
  readonly pid?: number;
  readonly features: readonly string[];
}

/** How this execd starts commands. */
export async function launcherOf(execd: ExecdClient, init?: RequestInit): Promise<LauncherInForce> {
  const response = await execd.request('GET', '/capabilities', undefined, init);
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return (JSON.parse(text) as { launcher: LauncherInForce }).launcher;
}

/** The process of the native launcher. */
export async function shimPidOf(execd: ExecdClient): Promise<number> {
  const { in_force, pid = 0 } = await launcherOf(execd);
  expect(in_force).toBe('shim');
  expect(pid).toBeGreaterThan(1);
  return pid;
}

/** This execd refuses the command because the native launcher is not in force, and says why it is not. */
export async function expectNotSupported(execd: ExecdClient, body: Record<string, unknown>): Promise<void> {
  const { in_force, reason } = await launcherOf(execd);
  expect(in_force).toBe('child_process');
  const message = await refusal(execd, body, 501, 'NOT_SUPPORTED');
  expect(message).toContain('native launcher');
  expect(message).toContain(reason);
}
