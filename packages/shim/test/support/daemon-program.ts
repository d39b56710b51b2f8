// A daemon to be killed: starts a shim and a child that counts, and says their pids. Arguments: program, socket, token.
import { startShim } from '../../src/start-shim.ts';
import { script } from './requests.ts';

const [program = '', listenPath = '', token = ''] = process.argv.slice(2);
const connection = await startShim({
  program,
  token: Buffer.from(token, 'hex'),
  listenPath,
  environment: {},
  helloTimeoutMs: 10_000,
  onComplaint: (text) => process.stderr.write(text),
});
const count = 'trap "exit 7" TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done';
const child = connection.spawn(script(count), () => undefined);
process.stdout.write(`${connection.shimPid} ${await child.started}\n`);
