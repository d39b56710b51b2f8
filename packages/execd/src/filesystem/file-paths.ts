import { realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { ServiceError } from '@pod-agent/daemon-kit/service-error';
import { expandPath } from '../os/path-expansion.ts';
import { fileFailure, invalidRequest, loopFailure } from './file-failure.ts';
import { realEntry, realTarget } from './links.ts';

/** A path that goes up somewhere. */
const UPWARD = /\/\.\.(?:\/|$)/;

/** Whether a path that is a symbolic link stands for the link itself or for what it leads to. */
export type LinkUse = 'link' | 'target';

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
    this.root = root === undefined ? undefined : realpathSync.native(root);
  }

  /** Absolute and without `.`, `..` and `//`, whatever links there are. An empty path is the working directory. */
  clean(path: string, use: LinkUse): string {
    return this.#admit(resolve(this.#base(), this.#expand(path)), use);
  }

  /** The same, but `..` is what the system takes it for, behind links too: for upload, download, directory removal. */
  literal(path: string, use: LinkUse): string {
    const expanded = this.#expand(path);
    const absolute = isAbsolute(expanded) ? expanded : `${this.#base()}/${expanded}`;
    return this.#admit(UPWARD.test(absolute) ? resolveLinks(absolute, use) : resolve(absolute), use);
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
    checkLength(path);
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

/** The longest name and the longest path that the system takes, bytes. */
const NAME_BYTES = 255;
const PATH_BYTES = 4_095;
/** The most that one UTF-16 unit takes in UTF-8. */
const UNIT_BYTES = 3;

/** The system would say of a long name below a missing directory that it is missing. */
function checkLength(path: string): void {
  if (path.length <= NAME_BYTES / UNIT_BYTES) return;
  const isLong =
    Buffer.byteLength(path) > PATH_BYTES ||
    path
      .split('/')
      .some((name) => name.length > NAME_BYTES / UNIT_BYTES && Buffer.byteLength(name) > NAME_BYTES);
  if (isLong) throw new ServiceError('invalid-argument', 'NAME_TOO_LONG', `file name too long: ${path}`);
}

function resolveLinks(path: string, use: LinkUse): string {
  try {
    return use === 'target' ? realTarget(path) : realEntry(path);
  } catch (error) {
    throw fileFailure(loopFailure(error, path), 'error accessing file');
  }
}
