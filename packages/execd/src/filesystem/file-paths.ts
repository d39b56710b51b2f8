import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { errorCode } from '../os/errno.ts';
import { expandPath } from '../os/path-expansion.ts';
import { fileFailure, invalidRequest } from './file-failure.ts';

/** Whether a path that is a symbolic link stands for the link itself or for what it leads to. */
export type LinkUse = 'link' | 'target';

const LINK_LIMIT = 40;

/**
 * The paths of requests as paths of the system (contract §6): variables and `~` expanded, made absolute. With a root
 * set every path has to lie in it, links resolved; others are refused with 403 `OUTSIDE_FILES_ROOT`. The root is a
 * fence for callers, not for processes that exchange directories for links while a request runs.
 */
export class FilePaths {
  /** The root without links, where one is set. */
  readonly root: string | undefined;
  readonly #environment: Readonly<Record<string, string | undefined>>;

  /** Throws the system's error when the root does not exist. */
  constructor(environment: Readonly<Record<string, string | undefined>>, root?: string) {
    this.#environment = environment;
    this.root = root === undefined ? undefined : realpathSync(root);
  }

  /** Absolute and without `.`, `..` and `//`, whatever links there are. An empty path is the working directory. */
  clean(path: string, use: LinkUse): string {
    return this.#admit(resolve(this.#base(), this.#expand(path)), use);
  }

  /** Absolute, its `..` left to the system, which follows links first: for upload, download and directory removal. */
  literal(path: string, use: LinkUse): string {
    const expanded = this.#expand(path);
    return this.#admit(isAbsolute(expanded) ? expanded : `${this.#base()}/${expanded}`, use);
  }

  /** Whether a path without links lies in the root. */
  contains(realPath: string): boolean {
    if (this.root === undefined || this.root === '/') return true;
    return realPath === this.root || realPath.startsWith(`${this.root}/`);
  }

  #base(): string {
    return this.root ?? process.cwd();
  }

  #expand(path: string): string {
    if (path.includes('\0')) throw invalidRequest('a path cannot contain a NUL character');
    try {
      return expandPath(path, this.#environment);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ServiceError('internal', 'RUNTIME_ERROR', reason, { cause: error });
    }
  }

  #admit(path: string, use: LinkUse): string {
    if (this.root === undefined) return path;
    const real = resolveLinks(path, use);
    if (this.contains(real)) return real;
    throw new ServiceError(
      'permission-denied',
      'OUTSIDE_FILES_ROOT',
      `path is outside of the files root: ${path}`,
    );
  }
}

function resolveLinks(path: string, use: LinkUse): string {
  try {
    return use === 'target' ? realTarget(path) : realEntry(path);
  } catch (error) {
    throw fileFailure(error, 'error accessing file');
  }
}

/** The path with every link in it resolved but the last; of what does not exist the part that does. */
function realEntry(path: string): string {
  const name = basename(path);
  if (name === '' || name === '..' || name === '.') return realTarget(path);
  return join(realTarget(dirname(path)), name);
}

/** The path with every link resolved, also those of a file that is still to be made. */
function realTarget(path: string, links = 0): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || links > LINK_LIMIT) throw error;
  }
  // Missing: a link to something missing, or a name in a directory that may be missing too.
  const target = linkTarget(path);
  if (target !== undefined)
    return realTarget(resolve(realTarget(dirname(path), links + 1), target), links + 1);
  const parent = dirname(path);
  const name = basename(path);
  // Behind something that does not exist `..` leads nowhere.
  return name === '..' ? dirname(realTarget(parent, links)) : join(realTarget(parent, links), name);
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // No link.
    return undefined;
  }
}
