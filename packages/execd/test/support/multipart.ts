/** One part of a multipart form, as a client means it. */
export interface Part {
  readonly name: string;
  readonly body: string | Uint8Array;
  readonly filename?: string;
  readonly contentType?: string;
}

/** How a client writes its form. Everything left out is as a browser does it. */
export interface Shape {
  readonly boundary?: string;
  /** `boundary="..."` in the Content-Type, as .NET has it. */
  readonly quotedBoundary?: boolean;
  /** `name=metadata; filename=x` without quotes, as .NET has it. */
  readonly unquoted?: boolean;
  /** A `filename*=utf-8''...` behind the filename, or instead of it. */
  readonly extendedFilename?: 'beside' | 'instead';
  /** Content-Type in front of Content-Disposition. */
  readonly contentTypeFirst?: boolean;
  /** A Content-Length in every part, as OkHttp has it. */
  readonly partLengths?: boolean;
  /** Header names in lower case. */
  readonly lowerCase?: boolean;
  /** Text in front of the first boundary and behind the last one, which has no meaning. */
  readonly around?: string;
  /** White space between a boundary and its line end. */
  readonly padding?: string;
}

/** A form as it goes over the wire. */
export interface Form {
  readonly contentType: string;
  readonly body: Buffer;
}

/** Writes the parts in this order. Names and bodies are taken as they are: nothing is escaped. */
export function encodeForm(parts: readonly Part[], shape: Shape = {}): Form {
  const boundary = shape.boundary ?? 'execd-test-boundary';
  const padding = shape.padding ?? '';
  const pieces = parts.flatMap((part) => [
    Buffer.from(`--${boundary}${padding}\r\n${headersOf(part, shape)}\r\n\r\n`),
    Buffer.from(part.body),
    Buffer.from('\r\n'),
  ]);
  const before = shape.around === undefined ? '' : `${shape.around}\r\n`;
  return {
    contentType: `multipart/form-data; boundary=${shape.quotedBoundary ? `"${boundary}"` : boundary}`,
    body: Buffer.concat([
      Buffer.from(before),
      ...pieces,
      Buffer.from(`--${boundary}--${padding}\r\n${shape.around ?? ''}`),
    ]),
  };
}

/** The `metadata` part of an upload; a text is sent as it is. */
export function metadataPart(metadata: unknown): Part {
  return {
    name: 'metadata',
    filename: 'metadata',
    contentType: 'application/json',
    body: typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
  };
}

/** The `file` part of an upload. */
export function filePart(content: string | Uint8Array, filename = 'file'): Part {
  return { name: 'file', filename, contentType: 'application/octet-stream', body: content };
}

/** A metadata part and its file part. */
export function pair(metadata: unknown, content: string | Uint8Array): Part[] {
  return [metadataPart(metadata), filePart(content)];
}

function headersOf(part: Part, shape: Shape): string {
  const disposition = `Content-Disposition: form-data; ${parametersOf(part, shape)}`;
  const type = part.contentType === undefined ? [] : [`Content-Type: ${part.contentType}`];
  const length = shape.partLengths ? [`Content-Length: ${Buffer.byteLength(part.body)}`] : [];
  const lines = shape.contentTypeFirst
    ? [...type, disposition, ...length]
    : [disposition, ...type, ...length];
  if (!shape.lowerCase) return lines.join('\r\n');
  return lines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase())).join('\r\n');
}

function parametersOf({ name, filename }: Part, shape: Shape): string {
  const write = (value: string) => (shape.unquoted ? value : `"${value}"`);
  const parameters = [`name=${write(name)}`];
  if (filename !== undefined) {
    if (shape.extendedFilename !== 'instead') parameters.push(`filename=${write(filename)}`);
    if (shape.extendedFilename) parameters.push(`filename*=utf-8''${encodeURIComponent(filename)}`);
  }
  return parameters.join('; ');
}
