import { readFileSync } from 'node:fs';

/** The pid of the execd that a process comes from: commands are its children, or those of its native launcher. */
export function execdAbove(pid: number): number {
  const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  if (commandLine.some((argument) => argument.endsWith('main.cjs'))) return pid;
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return execdAbove(Number(parent));
}
