import type { Execd } from './execd.ts';
import { encodeForm, pair } from './multipart.ts';
import type { Part, Shape } from './multipart.ts';

/** What the file calls tell about an entry (contract §6). */
export interface FileInfo {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly modified_at: string;
  readonly created_at: string;
  readonly owner: string;
  readonly group: string;
  readonly mode: number;
}

/** An error answer (contract §1.2). */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

type Server = Pick<Execd, 'request'>;

/** The route with these values of `path`, in this order, and further query keys. */
export function withPaths(
  route: string,
  paths: readonly string[] | string,
  more: Readonly<Record<string, string | number>> = {},
): string {
  const pairs = [
    ...(typeof paths === 'string' ? [paths] : paths).map((path) => ['path', path]),
    ...Object.entries(more).map(([key, value]) => [key, String(value)]),
  ];
  if (pairs.length === 0) return route;
  return `${route}?${pairs.map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`).join('&')}`;
}

/** Sends these parts to POST /files/upload. */
export function upload(
  execd: Server,
  parts: readonly Part[],
  shape: Shape = {},
  query = '',
): Promise<Response> {
  const { contentType, body } = encodeForm(parts, shape);
  return execd.request('POST', `/files/upload${query}`, body, { headers: { 'content-type': contentType } });
}

/** Status and body text. */
export async function answerOf(response: Response): Promise<[status: number, text: string]> {
  return [response.status, await response.text()];
}

/** The status and body of a success without payload (contract §1.3). */
export const EMPTY_SUCCESS = [200, ''];

/** An error answer as the contract wants every one (§1.2): JSON with a code and a message. Throws when it is not. */
export async function failureOf(response: Response): Promise<Failure> {
  const [status, text] = await answerOf(response);
  const type = response.headers.get('content-type');
  if (status < 400) throw new Error(`a success instead of a failure: ${status} ${text.slice(0, 200)}`);
  if (type !== 'application/json; charset=utf-8')
    throw new Error(`${status} with Content-Type ${type}: ${text}`);
  const { code, message } = JSON.parse(text) as Record<string, unknown>;
  if (typeof code !== 'string' || code === '') throw new Error(`${status} without a code: ${text}`);
  if (typeof message !== 'string' || message === '') throw new Error(`${status} without a message: ${text}`);
  return { status, code, message };
}

/** The array of a list or a search. Throws when it is none. */
export async function entriesOf(response: Response): Promise<FileInfo[]> {
  const [status, text] = await answerOf(response);
  if (status !== 200) throw new Error(`status ${status}: ${text}`);
  return JSON.parse(text) as FileInfo[];
}

/** The paths of a list or a search below `root`, in the order of the answer. */
export async function pathsBelow(root: string, response: Response): Promise<string[]> {
  const entries = await entriesOf(response);
  return entries.map(({ path }) => (path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path));
}

/** Info on one path by GET /files/info. */
export async function infoOf(execd: Server, path: string): Promise<FileInfo> {
  const [status, text] = await answerOf(await execd.request('GET', withPaths('/files/info', path)));
  if (status !== 200) throw new Error(`status ${status}: ${text}`);
  const info = (JSON.parse(text) as Record<string, FileInfo>)[path];
  if (!info) throw new Error(`no info on ${path}: ${text}`);
  return info;
}

/** One call on one path; `existing` is a file that is there, for calls that need a second one. */
export type PathCall = (
  execd: Server,
  path: string,
  existing: string,
  query?: Readonly<Record<string, string | number>>,
) => Promise<Response>;

/** Every file call of the contract, reduced to the path that it is about. */
export const PATH_CALLS: Readonly<Record<string, PathCall>> = {
  'GET /files/info': (execd, path, _existing, query) =>
    execd.request('GET', withPaths('/files/info', path, query)),
  'DELETE /files': (execd, path, _existing, query) =>
    execd.request('DELETE', withPaths('/files', path, query)),
  'POST /files/mv from': (execd, path, existing, query) =>
    execd.request('POST', withPaths('/files/mv', [], query), [{ src: path, dest: `${existing}.moved` }]),
  'POST /files/mv to': (execd, path, existing, query) =>
    execd.request('POST', withPaths('/files/mv', [], query), [{ src: existing, dest: path }]),
  'POST /files/permissions': (execd, path, _existing, query) =>
    execd.request('POST', withPaths('/files/permissions', [], query), { [path]: { mode: 600 } }),
  'GET /files/search': (execd, path, _existing, query) =>
    execd.request('GET', withPaths('/files/search', path, query)),
  'POST /files/replace': (execd, path, _existing, query) =>
    execd.request('POST', withPaths('/files/replace', [], query), { [path]: { old: 'a', new: 'b' } }),
  'POST /files/upload': (execd, path, _existing, query) =>
    upload(execd, pair({ path }, 'content'), {}, withPaths('', [], query)),
  'GET /files/download': (execd, path, _existing, query) =>
    execd.request('GET', withPaths('/files/download', path, query)),
  'GET /directories/list': (execd, path, _existing, query) =>
    execd.request('GET', withPaths('/directories/list', path, query)),
  'POST /directories': (execd, path, _existing, query) =>
    execd.request('POST', withPaths('/directories', [], query), { [path]: {} }),
  'DELETE /directories': (execd, path, _existing, query) =>
    execd.request('DELETE', withPaths('/directories', path, query)),
};
