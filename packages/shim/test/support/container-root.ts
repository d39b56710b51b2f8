import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORIES = ['bin', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp', 'usr', 'var/log', 'var/lib', 'work'];

/** Makes a file system with busybox and a place for the machine's programs. `/which` says whose it is. */
export function makeContainerRoot(root: string, name: string): void {
  for (const directory of DIRECTORIES) mkdirSync(join(root, directory), { recursive: true, mode: 0o1777 });
  copyFileSync('/bin/busybox', join(root, 'bin', 'busybox'));
  symlinkSync('busybox', join(root, 'bin', 'sh'));
  for (const directory of ['lib', 'lib64']) symlinkSync(`usr/${directory}`, join(root, directory));
  writeFileSync(join(root, 'which'), name);
}
