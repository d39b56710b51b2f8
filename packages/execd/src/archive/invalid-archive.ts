import { ServiceError } from '@pod-agent/daemon-kit/service-error';

/** How much of a name an error message shows. */
const SHOWN_CHARACTERS = 200;

/** 400 `INVALID_ARCHIVE`; with the entry that it is about, where there is one. */
export function invalidArchive(reason: string, entry?: string, cause?: unknown): ServiceError {
  const message = entry === undefined ? reason : `${reason}: ${shown(entry)}`;
  return new ServiceError('invalid-argument', 'INVALID_ARCHIVE', `invalid archive: ${message}`, { cause });
}

/** 413 `BODY_TOO_LARGE`: an archive with more in it than is taken. */
export function archiveTooLarge(reason: string): ServiceError {
  return new ServiceError('too-large', 'BODY_TOO_LARGE', `archive too large: ${reason}`);
}

function shown(name: string): string {
  return JSON.stringify(name.length > SHOWN_CHARACTERS ? `${name.slice(0, SHOWN_CHARACTERS)}…` : name);
}
