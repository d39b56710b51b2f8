import { expect, test } from 'vitest';
import type { StreamEvent } from '../../src/execution/event-schema.ts';
import { idOf, openStream, readEvents, startExecd, texts } from '../support/execd.ts';

/** `id` → event of an SSE body. */
function byId(body: string): Map<number, string> {
  const frames = [...body.matchAll(/^id: (\d+)\ndata: (\{.*\})\n$/gm)];
  return new Map(frames.map(([, id, data]) => [Number(id), data ?? '']));
}

test('events are replayed as standard SSE with ids that have no gap', async () => {
  await using execd = await startExecd();
  const original = await execd.run({
    command: 'for i in 1 2 3; do echo $i; echo e$i >&2; sleep 0.01; done; exit 3',
  });
  const response = await execd.request('GET', `/command/${idOf(original)}/events`);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const frames = byId(await response.text());
  expect([...frames.keys()]).toEqual(original.map((_, index) => index + 1));
  expect([...frames.values()].map((data) => JSON.parse(data))).toEqual(original);
});

test('a reader goes on behind the id that it saw, by query or by Last-Event-ID', async () => {
  await using execd = await startExecd();
  const original = await execd.run({ command: 'seq 1 50' });
  const id = idOf(original);
  for (const after of [0, 1, 2, 17, 50, 51]) {
    const byQuery = await readEvents(await execd.request('GET', `/command/${id}/events?after=${after}`));
    expect(byQuery).toEqual(original.slice(after));
    const headers = { 'last-event-id': String(after) };
    expect(
      await readEvents(await execd.request('GET', `/command/${id}/events`, undefined, { headers })),
    ).toEqual(original.slice(after));
  }
  expect((await execd.request('GET', `/command/${id}/events?after=52`)).status).toBe(204);
  const beyond = await execd.request('GET', `/command/${id}/events?after=53`);
  expect([beyond.status, await beyond.json()]).toMatchObject([400, { code: 'INVALID_REQUEST' }]);
});

test('fifty cuts in the middle of the output lose and repeat nothing', async () => {
  await using execd = await startExecd();
  const command = 'seq 1 200000; echo err >&2';
  const id = idOf(await execd.run({ command, background: true }));
  let after = 0;
  const seen: string[] = [];
  for (let cut = 0; cut < 50; cut += 1) {
    const client = new AbortController();
    const response = await execd.request('GET', `/command/${id}/events?after=${after}`, undefined, {
      signal: client.signal,
    });
    const reader = response.body?.getReader();
    const bytes: Uint8Array[] = [];
    for (let reads = 0; reads < 3; reads += 1) bytes.push((await reader?.read())?.value ?? new Uint8Array());
    client.abort();
    for (const [eventId, data] of byId(Buffer.concat(bytes).toString())) {
      expect(eventId).toBe(after + 1);
      after = eventId;
      seen.push(data);
    }
  }
  const rest = byId(await (await execd.request('GET', `/command/${id}/events?after=${after}`)).text());
  const all = [...seen, ...rest.values()].map((data) => JSON.parse(data) as StreamEvent);
  expect(texts(all)).toEqual([...Array.from({ length: 200_000 }, (_, index) => String(index + 1)), 'err']);
});

test('readers that come while the command runs see the past and then the present', async () => {
  await using execd = await startExecd();
  const stream = await openStream(execd, {
    command: 'echo past; read line; echo "present $line"',
    stdin: true,
  });
  await stream.until('past');
  const readers = Array.from({ length: 5 }, async () =>
    readEvents(await execd.request('GET', `/command/${stream.id}/events`)),
  );
  await execd.request('POST', `/command/${stream.id}/stdin`, 'here\n');
  const original = await stream.rest();
  expect(texts(original)).toEqual(['past', 'present here']);
  for (const events of await Promise.all(readers)) expect(events).toEqual(original);
});

test('the events of a background command are its output and its real ending', async () => {
  await using execd = await startExecd();
  const id = idOf(await execd.run({ command: 'echo out; echo err >&2; exit 9', background: true }));
  const events = await readEvents(await execd.request('GET', `/command/${id}/events`));
  expect(texts(events)).toEqual(['out', 'err']);
  expect(events.at(-1)).toMatchObject({ type: 'error', error: { evalue: '9' } });
});

test('events whose window is gone are 410 with the oldest id that is left', async () => {
  await using execd = await startExecd(['--output-retention-bytes', '6Mi']);
  const id = idOf(await execd.run({ command: 'seq 1 3000000; sleep 300', background: true }));
  let refused: Response;
  do refused = await execd.request('GET', `/command/${id}/events?after=0`);
  while (refused.status === 200 && !(await refused.body?.cancel()));
  const body = (await refused.json()) as { code: string; oldest_id: number };
  expect([refused.status, body.code]).toEqual([410, 'EVENTS_GONE']);
  const client = new AbortController();
  const rest = await execd.request('GET', `/command/${id}/events?after=${body.oldest_id - 1}`, undefined, {
    signal: client.signal,
  });
  const first = await rest.body?.getReader().read();
  const [firstId, data] = [...byId(Buffer.from(first?.value ?? []).toString())][0] ?? [];
  expect(firstId).toBe(body.oldest_id);
  expect(JSON.parse(data ?? '{}')).toMatchObject({ text: String(body.oldest_id - 1) });
  client.abort();
  await execd.request('DELETE', `/command?id=${id}`);
});

test('the same Idempotency-Key and body give the same execution and its events from the start', async () => {
  await using execd = await startExecd();
  const headers = { 'idempotency-key': 'k-1' };
  const body = { command: 'echo $$' };
  const [first, second] = await Promise.all([
    execd.request('POST', '/command', body, { headers }),
    execd.request('POST', '/command', body, { headers }),
  ]);
  const events = await readEvents(first);
  expect(await readEvents(second)).toEqual(events);
  expect(await readEvents(await execd.request('POST', '/command', body, { headers }))).toEqual(events);
  const other = await execd.request('POST', '/command', { command: 'echo other' }, { headers });
  expect([other.status, await other.json()]).toMatchObject([409, { code: 'IDEMPOTENCY_KEY_REUSED' }]);
  const bad = await execd.request('POST', '/command', body, {
    headers: { 'idempotency-key': 'x'.repeat(256) },
  });
  expect([bad.status, await bad.json()]).toMatchObject([400, { code: 'INVALID_REQUEST' }]);
});

test('a hundred identical requests with one key start one process', async () => {
  await using execd = await startExecd();
  const headers = { 'idempotency-key': 'once' };
  const runs = await Promise.all(
    Array.from({ length: 100 }, async () =>
      readEvents(await execd.request('POST', '/command', { command: 'echo $$' }, { headers })),
    ),
  );
  expect(new Set(runs.map((events) => texts(events)[0])).size).toBe(1);
});
