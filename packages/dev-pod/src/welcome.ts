/** Where everything answers. */
export interface Ports {
  readonly execd: number;
  readonly lifecycle: number;
}

/**
 * What a newcomer sees when dev-pod is ready: a headline, then three lines that can be pasted as they are into bash in
 * the repository's root.
 */
export function welcome(ports: Ports): string {
  return [
    `execd on http://127.0.0.1:${ports.execd}, sandboxes for SDKs on http://127.0.0.1:${ports.lifecycle}. ` +
      'Not a sandbox: commands run as you, on this machine. Ctrl-C ends it. Try, in the root of the repository:',
    curlLine(ports),
    javascriptLine(ports),
    pythonLine(ports),
    '',
  ].join('\n');
}

function curlLine({ execd }: Ports): string {
  return `curl -sN http://127.0.0.1:${execd}/command -d '{"command": "echo hello"}'`;
}

function javascriptLine({ lifecycle }: Ports): string {
  const program = [
    'import { Sandbox } from "@alibaba-group/opensandbox"',
    `const sandbox = await Sandbox.create({ image: "dev", connectionConfig: { domain: "127.0.0.1:${lifecycle}" } })`,
    'const { logs } = await sandbox.commands.run("echo hello")',
    'console.log(logs.stdout[0].text)',
    'await sandbox.kill()',
    'await sandbox.close()',
  ];
  return `node --input-type=module -e '${program.join('; ')}'`;
}

function pythonLine({ lifecycle }: Ports): string {
  const program = [
    'from opensandbox import SandboxSync',
    'from opensandbox.config import ConnectionConfigSync',
    `sandbox = SandboxSync.create("dev", connection_config=ConnectionConfigSync(domain="127.0.0.1:${lifecycle}"))`,
    'print(sandbox.commands.run("echo hello").logs.stdout[0].text)',
    'sandbox.kill()',
    'sandbox.close()',
  ];
  return `pip install -q opensandbox && python3 -c '${program.join('; ')}'`;
}
