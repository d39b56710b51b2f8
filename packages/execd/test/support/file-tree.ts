import { chmod, lstat, mkdir, readFile, readdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file's content, a directory (null) or the target of a symbolic link. */
type Entry = string | Uint8Array | null | { readonly link: string };

/** Makes these entries, and their parents, below `root`. */
export async function writeTree(root: string, entries: Readonly<Record<string, Entry>>): Promise<void> {
  for (const [name, entry] of Object.entries(entries)) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    if (entry === null) await mkdir(path, { recursive: true });
    else if (typeof entry === 'object' && 'link' in entry) await symlink(entry.link, path);
    else await writeFile(path, entry);
  }
}

/**
 * Everything below `root`, by relative path: type, mode, owner, and for files the content and the time of their last
 * change. Two equal ones mean that nothing happened in between.
 */
export async function readTree(root: string): Promise<Record<string, string>> {
  const names = (await namesBelow(root, '')).sort();
  const described = names.map(async (name) => [name, await describeEntry(join(root, name))] as const);
  return Object.fromEntries(await Promise.all(described));
}

/** Lets every user come in. A temporary directory is its owner's alone. */
export function openToAll(path: string): Promise<void> {
  return chmod(path, 0o777);
}

/** A recursive readdir would go through symbolic links. */
async function namesBelow(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const names = entries.map(async (entry) => {
    const name = join(folder, entry.name);
    return entry.isDirectory() ? [name, ...(await namesBelow(root, name))] : [name];
  });
  return (await Promise.all(names)).flat();
}

async function describeEntry(path: string): Promise<string> {
  const stat = await lstat(path, { bigint: true });
  const common = `${(stat.mode & 0o7777n).toString(8)} ${stat.uid}:${stat.gid}`;
  if (stat.isSymbolicLink()) return `link to ${await readlink(path)}`;
  if (stat.isFile()) return `file ${common} ${stat.mtimeNs} ${await readFile(path, 'latin1')}`;
  return stat.isDirectory() ? `directory ${common}` : `other ${common}`;
}
