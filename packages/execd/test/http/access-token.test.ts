import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { accessCheck } from '../../src/http/access-token.ts';

function request(url: string, token?: string): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.url = url;
  if (token !== undefined) message.headers['x-execd-access-token'] = token;
  return message;
}

const MESSAGE = 'Unauthorized: invalid or missing header X-EXECD-ACCESS-TOKEN';

test.each([undefined, '', 'wrong', 'Secret', 'secret ', 'secre', 'secretsecret', 'secret, secret'])(
  'contract §1.1: the token %o does not pass where "secret" is needed',
  (token) => {
    expect(() => accessCheck('secret')(request('/command', token))).toThrow(
      expect.objectContaining({ kind: 'unauthenticated', code: 'UNAUTHORIZED', details: { error: MESSAGE } }),
    );
  },
);

test('contract §1.1: the right token passes', () => {
  expect(() => accessCheck('secret')(request('/command', 'secret'))).not.toThrow();
});

test.each(['/ping', '/ready', '/internal/init', '/ping?x=1'])('contract A1.3: %s is open', (url) => {
  expect(() => accessCheck('secret')(request(url))).not.toThrow();
});

test.each(['/ping/', '/pings', '/x/ping', '/PING', '/?/ping', '//ping', '/ping%2F', '/ping;x'])(
  'contract A1.3: %s only looks like an open path',
  (url) => {
    expect(() => accessCheck('secret')(request(url))).toThrow(MESSAGE);
  },
);

test('contract §1.1: without a configured token everybody passes', () => {
  expect(() => accessCheck('')(request('/command'))).not.toThrow();
  expect(() => accessCheck('')(request('/command', 'any'))).not.toThrow();
});
