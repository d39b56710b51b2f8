import { ServiceError } from '@pod-agent/daemon-kit/service-error';

/** The value of a query parameter that has to be there and not empty; else 400 `MISSING_QUERY`. */
export function required(value: string | undefined, name: string): string {
  if (value) return value;
  throw new ServiceError('invalid-argument', 'MISSING_QUERY', `missing query parameter '${name}'`);
}
