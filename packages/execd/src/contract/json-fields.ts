import { z } from 'zod';

/** An absent or null field has its zero value (contract §1.4). */
export function orZero<T extends z.ZodType>(schema: T, zero: z.output<T>) {
  return schema
    .nullish()
    .transform((value) => value ?? zero)
    .default(zero as never);
}

export const unsigned32 = z.int().min(0).max(0xffff_ffff);

/**
 * An object whose field names match in any case, but for the `exact` ones; a JSON `null` is an object without fields
 * (contract §1.4).
 */
export function anyCase<T extends z.ZodObject>(schema: T, exact: readonly string[] = []) {
  const names = Object.keys(schema.shape).filter((name) => !exact.includes(name));
  const byLowerCase = new Map(names.map((name) => [name.toLowerCase(), name]));
  return z.preprocess((value) => {
    if (value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) return value;
    const entries = Object.entries(value).map(([key, field]) => [
      byLowerCase.get(key.toLowerCase()) ?? key,
      field as unknown,
    ]);
    return Object.fromEntries(entries) as unknown;
  }, schema);
}
