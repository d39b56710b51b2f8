import fs from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { promisify } from 'node:util';
import { errorCode } from '../os/errno.ts';
import { filesMayBlock } from '../os/mounts.ts';

type Awaitable<T> = T | Promise<T>;

/**
 * The calls that trees are walked and files are staged with. `stat` and `lstat` give undefined for a path that does not
 * exist; everything else that fails is thrown as the system's error. Whoever opens a descriptor closes it.
 */
export interface FileCalls {
  /** Nothing but a large read or directory gives a promise. */
  readonly isImmediate: boolean;
  lstat(path: string | Buffer): Awaitable<Stats | undefined>;
  stat(path: string | Buffer): Awaitable<Stats | undefined>;
  readdir(path: string): Awaitable<Dirent[]>;
  open(path: string, flags: number, mode?: number): Awaitable<number>;
  fstat(descriptor: number): Awaitable<Stats>;
  ftruncate(descriptor: number, length: number): Awaitable<void>;
  /** Up to `into.length` bytes from where the descriptor stands; 0 at the end of the file. */
  read(descriptor: number, into: Buffer): Awaitable<number>;
  fchmod(descriptor: number, mode: number): Awaitable<void>;
  fchown(descriptor: number, uid: number, gid: number): Awaitable<void>;
  /** Access and modification time, seconds since 1970. */
  futimes(descriptor: number, accessed: number, modified: number): Awaitable<void>;
  /** Everything, in as many steps as the system takes. */
  write(descriptor: number, bytes: Buffer): Awaitable<void>;
  close(descriptor: number): Awaitable<void>;
  rename(from: string, to: string): Awaitable<void>;
  link(existing: string, path: string): Awaitable<void>;
  symlink(target: string, path: string): Awaitable<void>;
  readlink(path: string): Awaitable<string>;
  chmod(path: string, mode: number): Awaitable<void>;
  /** Of a symbolic link itself, as lutimes. */
  lchown(path: string, uid: number, gid: number): Awaitable<void>;
  lutimes(path: string, accessed: number, modified: number): Awaitable<void>;
  unlink(path: string | Buffer): Awaitable<void>;
  rmdir(path: string | Buffer): Awaitable<void>;
  mkdir(path: string): Awaitable<void>;
  /** The magic number that statfs(2) gives. */
  fileSystemType(path: string): Awaitable<number>;
}

/**
 * A directory file above this size (bytes) is read in the thread pool: it has thousands of names, and the server would
 * stand still meanwhile.
 */
const LARGE_DIRECTORY_BYTES = 256 * 1024;

/** More than this (bytes) is read in the thread pool. */
const LARGE_READ_BYTES = 64 * 1024;

/** On the spot: 2 µs a call instead of 60 µs by way of the thread pool. */
const immediate: FileCalls = {
  isImmediate: true,
  lstat: (path) => fs.lstatSync(path, { throwIfNoEntry: false }),
  stat: (path) => fs.statSync(path, { throwIfNoEntry: false }),
  readdir(path) {
    const isLarge = (fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGE_DIRECTORY_BYTES;
    return isLarge ? pooled.readdir(path) : fs.readdirSync(path, { withFileTypes: true });
  },
  open: fs.openSync,
  fstat: (descriptor) => fs.fstatSync(descriptor),
  ftruncate: fs.ftruncateSync,
  read(descriptor, into) {
    const isLarge = into.length > LARGE_READ_BYTES;
    return isLarge ? pooled.read(descriptor, into) : fs.readSync(descriptor, into);
  },
  fchmod: fs.fchmodSync,
  fchown: fs.fchownSync,
  futimes: fs.futimesSync,
  write(descriptor, bytes) {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done);
  },
  close: fs.closeSync,
  rename: fs.renameSync,
  link: fs.linkSync,
  symlink: (target, path) => fs.symlinkSync(target, path),
  readlink: (path) => fs.readlinkSync(path),
  chmod: fs.chmodSync,
  lchown: fs.lchownSync,
  lutimes: fs.lutimesSync,
  unlink: fs.unlinkSync,
  rmdir: fs.rmdirSync,
  mkdir: (path) => fs.mkdirSync(path),
  fileSystemType: (path) => fs.statfsSync(path).type,
};

const read = promisify(fs.read);
const write = promisify(fs.write);

/** By way of the thread pool, for file systems that may keep a caller waiting. */
const pooled: FileCalls = {
  isImmediate: false,
  lstat: (path) => fs.promises.lstat(path).catch(undefinedIfMissing),
  stat: (path) => fs.promises.stat(path).catch(undefinedIfMissing),
  readdir: (path) => fs.promises.readdir(path, { withFileTypes: true }),
  open: promisify(fs.open),
  fstat: promisify(fs.fstat),
  ftruncate: promisify(fs.ftruncate),
  read: async (descriptor, into) => (await read(descriptor, into, 0, into.length, null)).bytesRead,
  fchmod: promisify(fs.fchmod),
  fchown: promisify(fs.fchown),
  futimes: promisify(fs.futimes),
  async write(descriptor, bytes) {
    for (let done = 0; done < bytes.length;) {
      done += (await write(descriptor, bytes, done, bytes.length - done, null)).bytesWritten;
    }
  },
  close: promisify(fs.close),
  rename: fs.promises.rename,
  link: fs.promises.link,
  symlink: (target, path) => fs.promises.symlink(target, path),
  readlink: (path) => fs.promises.readlink(path),
  chmod: fs.promises.chmod,
  lchown: fs.promises.lchown,
  lutimes: fs.promises.lutimes,
  unlink: fs.promises.unlink,
  rmdir: (path) => fs.promises.rmdir(path),
  mkdir: (path) => fs.promises.mkdir(path),
  fileSystemType: async (path) => (await fs.promises.statfs(path)).type,
};

/** The calls for one request: on the spot where no file system here can make the server wait. */
export function fileCalls(): FileCalls {
  return filesMayBlock() ? pooled : immediate;
}

function undefinedIfMissing(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}
