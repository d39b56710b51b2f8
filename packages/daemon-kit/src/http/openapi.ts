import { z } from 'zod';
import type { ZodType } from 'zod';
import type { ResponseDescription, Route } from './route.ts';

export interface OpenApiInfo {
  title: string;
  version: string;
  description: string;
}

/** The OpenAPI 3.1 document of these routes. Schemas with a `.meta({id})` become shared components. */
export function openApiDocument(info: OpenApiInfo, routes: readonly Route[]): Record<string, unknown> {
  const components: Record<string, unknown> = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const entry of routes) {
    const path = entry.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [entry.method.toLowerCase()]: operation(entry, components) };
  }
  return {
    openapi: '3.1.0',
    info,
    paths,
    components: { schemas: sortKeys(components) },
  };
}

function operation(entry: Route, components: Record<string, unknown>): Record<string, unknown> {
  const parameters = [
    ...parametersOf(entry.params, 'path', components),
    ...parametersOf(entry.query, 'query', components),
  ];
  return {
    tags: [entry.tag],
    summary: entry.summary,
    ...(entry.description ? { description: entry.description } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(entry.body
      ? {
          requestBody: {
            required: entry.body.required,
            content: { [entry.body.contentType]: contentOf(entry.body.schema, 'input', components) },
          },
        }
      : {}),
    responses: Object.fromEntries(
      Object.entries(entry.responses).map(([status, response]) => [status, responseOf(response, components)]),
    ),
  };
}

function responseOf(response: ResponseDescription, components: Record<string, unknown>): Record<string, unknown> {
  const headers = Object.entries(response.headers ?? {}).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  const contentType = response.contentType ?? (response.schema ? 'application/json' : undefined);
  return {
    description: response.description,
    ...(headers.length > 0 ? { headers: Object.fromEntries(headers) } : {}),
    ...(contentType ? { content: { [contentType]: contentOf(response.schema, 'output', components) } } : {}),
  };
}

function contentOf(
  schema: ZodType | undefined,
  io: 'input' | 'output',
  components: Record<string, unknown>,
): Record<string, unknown> {
  return schema ? { schema: jsonSchema(schema, io, components) } : {};
}

function parametersOf(
  schema: ZodType | undefined,
  place: 'path' | 'query',
  components: Record<string, unknown>,
): Record<string, unknown>[] {
  if (!schema) return [];
  const object = jsonSchema(schema, 'input', components) as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  return Object.entries(object.properties ?? {}).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || (object.required ?? []).includes(name),
    ...(description ? { description } : {}),
    schema: rest,
  }));
}

/** The schema as JSON Schema; named parts move to `components` and are referred to. */
function jsonSchema(
  schema: ZodType,
  io: 'input' | 'output',
  components: Record<string, unknown>,
): Record<string, unknown> {
  const { $schema: _dialect, $defs, ...document } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema: node }) => dropIntegerBounds(node as Record<string, unknown>),
  }) as Record<string, unknown>;
  for (const [name, definition] of Object.entries(($defs ?? {}) as Record<string, unknown>)) {
    components[name] = pointToComponents(definition);
  }
  const pointed = pointToComponents(document) as Record<string, unknown>;
  const id = schema.meta()?.id;
  if (id === undefined) return pointed;
  const $ref = `#/components/schemas/${id}`;
  // A root with an id may itself be a reference already, its content being among the definitions.
  if (pointed['$ref'] !== $ref) components[id] = pointed;
  return { $ref };
}

/** `z.int()` adds the limits of a double as bounds; they say nothing to a reader. */
function dropIntegerBounds(node: Record<string, unknown>): void {
  if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete node['maximum'];
  if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete node['minimum'];
}

function pointToComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointToComponents);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value)
    .filter(([key, child]) => key !== 'id' || typeof child !== 'string')
    .map(([key, child]) => [
      key,
      key === '$ref' && typeof child === 'string'
        ? child.replace('#/$defs/', '#/components/schemas/')
        : pointToComponents(child),
    ]);
  return Object.fromEntries(entries);
}

function sortKeys(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
