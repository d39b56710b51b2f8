import { numberAt, runProgram } from '../native-programs.ts';

/** What to download over one connection. Paths are sent as they are. */
export interface FetchRequest {
  readonly port: number;
  /** One path, or a file with a path per line. */
  readonly paths: { readonly one: string } | { readonly listedIn: string };
  /** What each body must have. */
  readonly bytesEach?: number;
  readonly signal: AbortSignal;
}

/** What to upload: text, a file and text make up the body. */
export interface SendRequest {
  readonly port: number;
  readonly method?: 'POST' | 'PUT';
  readonly path: string;
  readonly body: SentBody;
  readonly signal: AbortSignal;
}

/** A request body and its type; the file comes `times` times, by default once. */
export interface SentBody {
  readonly contentType: string;
  readonly before?: string;
  readonly file: string;
  readonly times?: number;
  readonly after?: string;
}

/** Downloads everything and throws it away; rejects unless each answer is 2xx and has the right length. */
export async function fetchSeconds(request: FetchRequest): Promise<number> {
  const { paths, bytesEach } = request;
  const options = 'one' in paths ? ['--path', paths.one] : ['--paths-file', paths.listedIn];
  if (bytesEach !== undefined) options.push('--body-bytes', String(bytesEach));
  return await runClient('fetch', request, options);
}

/** Uploads the body; rejects unless the answer is 2xx. */
export async function sendSeconds(request: SendRequest): Promise<number> {
  const { contentType, before = '', file, times = 1, after = '' } = request.body;
  const options = {
    '--method': request.method ?? 'POST',
    '--path': request.path,
    '--content-type': contentType,
    '--before': before,
    '--file': file,
    '--times': String(times),
    '--after': after,
  };
  return await runClient('send', request, Object.entries(options).flat());
}

/** The target of a request to execd. */
export function requestTarget(route: string, query: Readonly<Record<string, string>> = {}): string {
  const search = new URLSearchParams(query).toString();
  return search === '' ? route : `${route}?${search}`;
}

async function runClient(
  mode: 'fetch' | 'send',
  request: FetchRequest | SendRequest,
  options: readonly string[],
): Promise<number> {
  const argv = [mode, '--port', String(request.port), ...options];
  return numberAt(await runProgram('file-client', argv, request.signal, process.env), 'seconds');
}
