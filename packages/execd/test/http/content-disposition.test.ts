import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { attachment } from '../../src/http/content-disposition.ts';

/** The value with the percent-encoded name twice. */
const encoded = (name: string) => `attachment; filename="${name}"; filename*=UTF-8''${name}`;

test.each([
  { name: 'report.txt', value: 'attachment; filename="report.txt"' },
  { name: 'my report (1).txt', value: 'attachment; filename="my report (1).txt"' },
  { name: '.bashrc', value: 'attachment; filename=".bashrc"' },
  { name: "it's; 50% = half, ok?", value: `attachment; filename="it's; 50% = half, ok?"` },
  { name: '%41.txt', value: 'attachment; filename="%41.txt"' },
  { name: '~!#$&*+{}[]|^`<>@:', value: 'attachment; filename="~!#$&*+{}[]|^`<>@:"' },
  { name: 'say "hi".txt', value: String.raw`attachment; filename="say \"hi\".txt"` },
  { name: String.raw`a\b`, value: String.raw`attachment; filename="a\\b"` },
  { name: String.raw`a\"b`, value: String.raw`attachment; filename="a\\\"b"` },
  { name: '', value: 'attachment; filename=""' },
  { name: '测试.txt', value: encoded('%E6%B5%8B%E8%AF%95.txt') },
  { name: '报告 final v2.txt', value: encoded('%E6%8A%A5%E5%91%8A%20final%20v2.txt') },
  { name: 'naïve.md', value: encoded('na%C3%AFve.md') },
  { name: '😀.png', value: encoded('%F0%9F%98%80.png') },
  { name: '\u00ff', value: encoded('%C3%BF') },
  { name: `é!'()*`, value: encoded('%C3%A9%21%27%28%29%2A') },
  { name: 'é$&+=:@-_.~', value: encoded('%C3%A9$&+=:@-_.~') },
  { name: 'é/;,?"\\%', value: encoded('%C3%A9%2F%3B%2C%3F%22%5C%25') },
  { name: 'é#[]{}|^`<>', value: encoded('%C3%A9%23%5B%5D%7B%7D%7C%5E%60%3C%3E') },
  { name: 'a\nb', value: encoded('a%0Ab') },
  { name: 'a\r\nSet-Cookie: x=1', value: encoded('a%0D%0ASet-Cookie:%20x=1') },
  { name: 'a\0b', value: encoded('a%00b') },
  { name: 'a\tb', value: encoded('a%09b') },
  { name: 'a\u007fb\u001b', value: encoded('a%7Fb%1B') },
  { name: 'a\u2028b', value: encoded('a%E2%80%A8b') },
  { name: 'a\ud83d', value: encoded('a%EF%BF%BD') },
  { name: '\ude00b', value: encoded('%EF%BF%BDb') },
])('contract §7.8: $name is offered as $value', ({ name, value }) => {
  expect(attachment(name)).toBe(value);
});

test('contract §7.8: Node sends the header for every name, and a client reads the same name', async () => {
  const names = [
    ...Array.from({ length: 0x180 }, (_, code) => `a${String.fromCharCode(code)}b`),
    '测试 "1".txt',
    String.raw`\"`,
    '👩‍👧.png',
    'a\r\nX-Injected: 1',
    "UTF-8''x",
    '%E6',
  ];
  await using server = await serveNames(names);
  for (const [index, name] of names.entries()) {
    const response = await fetch(`${server.url}/${index}`, { headers: { connection: 'close' } });
    expect(await response.text()).toBe('');
    expect(nameOf(response.headers.get('content-disposition') ?? '')).toBe(name);
    expect(response.headers.has('x-injected')).toBe(false);
  }
});

/** GET /N answers with the N-th name. */
async function serveNames(names: readonly string[]): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => {
    const name = names[Number(request.url?.slice(1))] ?? '';
    response.setHeader('Content-Disposition', attachment(name)).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await once(server.close(), 'close');
    },
  };
}

/** As a client reads it (RFC 6266): `filename*` first. */
function nameOf(header: string): string {
  const extended = /; filename\*=UTF-8''([^;\s]*)$/.exec(header)?.[1];
  if (extended !== undefined) return decodeURIComponent(extended);
  const quoted = /^attachment; filename="((?:[^"\\]|\\.)*)"$/.exec(header)?.[1];
  if (quoted === undefined) throw new Error(`not a disposition: ${header}`);
  return quoted.replaceAll(/\\(.)/g, '$1');
}
