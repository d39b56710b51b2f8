import type { ResponseDescription } from '@pod-agent/daemon-kit/http/route';
import { z } from 'zod';

const errorSchema = z
  .looseObject({ code: z.string(), message: z.string() })
  .meta({ id: 'Error', description: 'Why a request was not served (contract §1.2).' });

/** An error answer for the OpenAPI document. */
export function errorResponse(description: string): ResponseDescription {
  return { description, schema: errorSchema };
}
