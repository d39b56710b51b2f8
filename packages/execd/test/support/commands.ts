import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { idOf } from './execd.ts';
import type { ExecdClient } from './execd-client.ts';

/** GET /command/status/{id}, as it is on the wire. */
export interface Status {
  readonly id: string;
  readonly content: string;
  readonly running: boolean;
  readonly exit_code?: number;
  readonly error?: string;
  readonly started_at: string;
  readonly finished_at?: string;
  readonly signal?: string;
  readonly timed_out: boolean;
  readonly killed_by?: string;
  readonly user_cpu_ms?: number;
  readonly system_cpu_ms?: number;
  readonly peak_rss_bytes?: number;
  readonly core_dumped?: boolean;
  readonly oom_killed?: boolean;
  readonly oom_inferred?: boolean;
  readonly swept?: number;
  readonly truncated: boolean;
  readonly output_bytes: { readonly stdout: number; readonly stderr: number };
}

/** A row of GET /command. */
export interface Row {
  readonly id: string;
  readonly command: string;
  readonly background: boolean;
  readonly pid?: number;
  readonly state: string;
  readonly started_at: string;
}

/** A command's status. */
export async function statusOf(execd: ExecdClient, id: string): Promise<Status> {
  const response = await execd.request('GET', `/command/status/${id}`);
  const body = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${body}`);
  return JSON.parse(body) as Status;
}

/** A command's status as soon as this holds for it. */
export async function statusWhen(
  execd: ExecdClient,
  id: string,
  condition: (status: Status) => boolean,
): Promise<Status> {
  for (;;) {
    const status = await statusOf(execd, id);
    if (condition(status)) return status;
    await delay(10);
  }
}

/** A command's status as soon as it has ended. */
export function finished(execd: ExecdClient, id: string): Promise<Status> {
  return statusWhen(execd, id, ({ running }) => !running);
}

/** Runs a command to its end in the foreground; its last status. */
export async function endingOf(execd: ExecdClient, body: Record<string, unknown>): Promise<Status> {
  return statusOf(execd, idOf(await execd.run(body)));
}

/** Starts a command in the background and gives its id. */
export async function startBackground(execd: ExecdClient, body: Record<string, unknown>): Promise<string> {
  return idOf(await execd.run({ ...body, background: true }));
}

/** The whole output of a background command so far. */
export async function logsOf(execd: ExecdClient, id: string): Promise<string> {
  return (await execd.request('GET', `/command/${id}/logs`)).text();
}

/** The output of a background command as soon as it matches. */
export async function logsWhen(execd: ExecdClient, id: string, wanted: RegExp): Promise<string> {
  for (;;) {
    const output = await logsOf(execd, id);
    if (wanted.test(output)) return output;
    await delay(10);
  }
}

/** All rows of GET /command. */
export async function rowsOf(execd: ExecdClient): Promise<Row[]> {
  const response = await execd.request('GET', '/command?limit=1000');
  return ((await response.json()) as { commands: Row[] }).commands;
}

/** The row of one command. Throws when it is not listed. */
export async function rowOf(execd: ExecdClient, id: string): Promise<Row> {
  const row = (await rowsOf(execd)).find((candidate) => candidate.id === id);
  if (!row) throw new Error(`no command ${id} in the list`);
  return row;
}

/** The answer of an execd that does not run this: status and code as expected; gives the message. */
export async function refusal(
  execd: ExecdClient,
  body: Record<string, unknown>,
  status: number,
  code: string,
): Promise<string> {
  const response = await execd.request('POST', '/command', body);
  const text = await response.text();
  expect(response.status, text).toBe(status);
  const answer = JSON.parse(text) as { code: string; message: string };
  expect(answer.code).toBe(code);
  return answer.message;
}

/** execd answers /ping. The second is a safety net, not a measurement. */
export async function expectPing(execd: ExecdClient): Promise<void> {
  const signal = AbortSignal.timeout(1_000);
  expect((await execd.request('GET', '/ping', undefined, { signal })).status).toBe(200);
}
