import { expect, test } from 'vitest';
import { maskSecrets, maskedSecret } from '../src/mask-secrets.ts';

test.each([
  'git clone https://user:hunter2@host/repo',
  'postgres://admin:hunter2@10.0.0.1:5432/db',
  "curl -H 'Authorization: Bearer hunter2' http://x",
  'curl -H "authorization: hunter2" http://x',
  'Proxy-Authorization: Basic hunter2',
  'Authorization: ApiKey hunter2',
  '{"Authorization": "Bearer hunter2"}',
  "curl -H 'X-API-Key: hunter2'",
  'X-EXECD-ACCESS-TOKEN: hunter2',
  'Cookie: a=b; session=hunter2',
  'Set-Cookie: hunter2',
  'tool --token hunter2',
  'tool --token=hunter2 --other x',
  "tool --password 'hunter2'",
  'tool --password "correct hunter2 horse"',
  'tool --api-key=hunter2',
  'tool -password hunter2',
  'tool --db-password=hunter2',
  'export GITHUB_TOKEN=hunter2; make',
  'AWS_SECRET_ACCESS_KEY=hunter2 aws s3 ls',
  "MYSQL_PASSWORD='correct hunter2' mysql",
  'PASSWORD="a,b;hunter2" run',
  '{"password":"hunter2","user":"u"}',
  '{"api_key": "hunter2"}',
  String.raw`curl -d "{\"password\":\"hunter2\"}" http://x`,
  String.raw`{"password":"a\"hunter2"}`,
  'tool --password "hunter2',
  String.raw`PASSWORD=a\hunter2 tool`,
  'client_secret = hunter2',
  'password: hunter2',
])('the secret of %s is masked', (text) => {
  const masked = maskSecrets(text);
  expect(masked).not.toContain('hunter2');
  expect(masked).toContain('****');
});

test.each(['AKIAIOSFODNN7EXAMPLE', 'ASIAIOSFODNN7EXAMPLE', 'LTAI5tAbCdEfGh12', 'AKIDz8krbsJ5yKBZ'])(
  'the key id %s is masked wherever it stands',
  (id) => {
    expect(maskSecrets(`use ${id} now`)).toBe('use **** now');
  },
);

test.each([
  'echo hello world',
  'ls -la /home/user/tokens',
  'git clone https://host:8080/user/repo@v1',
  'curl http://127.0.0.1:44772/command?id=abc',
  'ssh user@host',
  'python tokenizer.py --max-tokens-per-line',
  'grep -r secret .',
  'cat cookie-recipe.txt',
  'AKIA is a prefix',
  '',
])('nothing of %j is masked', (text) => {
  expect(maskSecrets(text)).toBe(text);
});

test('what stands around a secret stays readable', () => {
  expect(maskSecrets('curl https://bob:x@host/p?q=1 -o f')).toBe('curl https://bob:****@host/p?q=1 -o f');
  expect(maskSecrets('A=1 DB_PASSWORD=x make all')).toBe('A=1 DB_PASSWORD=**** make all');
  expect(maskSecrets('{"password":"x","user":"bob"}')).toBe('{"password":"****","user":"bob"}');
});

test('every secret of a text is masked, and again for the next text', () => {
  for (let round = 0; round < 2; round += 1) {
    expect(maskSecrets('TOKEN=a SECRET=b\nPASSWORD=c')).toBe('TOKEN=**** SECRET=****\nPASSWORD=****');
  }
});

test.each([
  ['', ''],
  ['x', '****'],
  ['12345678', '****'],
  ['123456789', '1234****6789'],
])('contract §13.4: the configured secret %j shows as %j', (secret, masked) => {
  expect(maskedSecret(secret)).toBe(masked);
});
