import { invalidRequest } from '../filesystem/file-failure.ts';

/** A part of a file, `end` included; the total is unknown until the last part at the latest. */
export interface ContentPart {
  readonly start: number;
  readonly end: number;
  readonly total: number | undefined;
}

/**
 * Reads the Content-Range header of a request (RFC 9110 §14.4), `bytes 0-99/1000`. An asterisk for the total is a part
 * with more to come; an asterisk for the range asks how much has arrived. Throws 400 for anything else.
 */
export function parseContentRange(header: string): ContentPart | 'inquiry' {
  if (/^bytes \*\/(?:\d{1,15}|\*)$/.test(header)) return 'inquiry';
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(?:(\d{1,15})|\*)$/.exec(header);
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  const total = match?.[3] === undefined ? undefined : Number(match[3]);
  if (!match || end < start || (total !== undefined && end >= total)) {
    throw invalidRequest(`invalid Content-Range: ${header}`);
  }
  return { start, end, total };
}
