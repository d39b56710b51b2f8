import { expect, test } from 'vitest';
import { z } from 'zod';
import { openApiDocument } from '../../src/http/openapi.ts';
import { empty } from '../../src/http/reply.ts';
import { route } from '../../src/http/route.ts';

const INFO = { title: 'T', version: '1', description: 'D' };
const pet = z.object({ name: z.string(), age: z.int().optional() }).meta({ id: 'Pet' });
const ROUTES = [
  route({
    method: 'GET',
    path: '/pets/:id',
    summary: 'One pet',
    tag: 'pets',
    params: z.object({ id: z.string() }),
    query: z.object({ full: z.string().describe('everything').optional() }),
    responses: { 200: { description: 'it', schema: pet, headers: { 'X-A': 'a header' } } },
    handle: () => empty,
  }),
  route({
    method: 'DELETE',
    path: '/pets/:id',
    summary: 'Away',
    tag: 'pets',
    responses: { 200: { description: 'gone' } },
    handle: () => empty,
  }),
];

test('methods of one path stand together; parameters, answers and shared schemas are described', () => {
  const document = openApiDocument(INFO, ROUTES);
  expect(document).toMatchObject({ openapi: '3.1.0', info: INFO });
  expect(document['paths']).toEqual({
    '/pets/{id}': {
      get: {
        tags: ['pets'],
        summary: 'One pet',
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
          {
            name: 'full',
            in: 'query',
            required: false,
            description: 'everything',
            schema: { type: 'string' },
          },
        ],
        responses: {
          200: {
            description: 'it',
            headers: { 'X-A': { description: 'a header', schema: { type: 'string' } } },
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } },
          },
        },
      },
      delete: { tags: ['pets'], summary: 'Away', responses: { 200: { description: 'gone' } } },
    },
  });
  expect(document['components']).toMatchObject({
    schemas: {
      Pet: { properties: { name: { type: 'string' }, age: { type: 'integer' } }, required: ['name'] },
    },
  });
});

test('the limits of a double are not told as limits of an integer', () => {
  expect(JSON.stringify(openApiDocument(INFO, ROUTES))).not.toContain(String(Number.MAX_SAFE_INTEGER));
});
